/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef EXEC_FEED_H
#define EXEC_FEED_H

#define EXEC_FILE_MAX	240

/**
 * struct exec_event - one exec; the message ends with the NUL of @file
 * @ns: when, CLOCK_MONOTONIC.
 * @pid: process. @uid: its user. Both as the host sees them.
 * @file: as it was given to execve(2).
 */
struct exec_event {
	__u64 ns;
	__u32 pid;
	__u32 uid;
	char file[EXEC_FILE_MAX];
};

#endif /* EXEC_FEED_H */
