/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processes of the soak share: one mapping with a tally of all messages
 * and a place for each process. soak.c supervises and counts, soak_crew.c is the
 * processes, soak_ctl.c changes channels under them.
 */
#ifndef SOAK_H
#define SOAK_H

#include "bed.h"

#define SOAK_CHANS	5
#define SOAK_SLOTS	160
#define SOAK_IDS	4		/* clients a process may have noted at once */
#define SOAK_GRAND	64
#define SOAK_ROOM	(8u << 20)	/* messages of one round */

/* What may happen to a channel; see soak_ctl.c. */
enum soak_kind {
	SOAK_STRICT,	/* nothing is dropped, purged or refused */
	SOAK_ROUGH,	/* all of these; it is drained as well */
	SOAK_MORTAL,	/* deleted by force and made again */
	SOAK_FANOUT,	/* messages are not numbered */
};

struct soak_chan {
	char name[CHAN_ROOM];
	enum soak_kind kind;
	uint32_t gen;		/* odd while it is being replaced */
};

/* soak_entry.sent: */
enum { UNSENT, INTENDED, PUBLISHED, REFUSED };

/**
 * struct soak_entry - the life of one message
 * @sent: how far its sender got.
 * @meant: acks that a worker was about to publish. @acked: that it did.
 * @found: places where it was found at the end.
 */
struct soak_entry {
	uint8_t sent;
	uint8_t meant;
	uint8_t acked;
	uint8_t found;
	uint8_t chan;
	uint8_t dead;
	uint16_t gen;
};

/* What one process is; written by itself, read once it is dead. */
struct soak_slot {
	pid_t pid;
	int job;
	uint32_t chan;
	uint32_t gen;
	uint32_t id[SOAK_IDS];
	bool stopped;
};

/* What must have happened at least once, or the soak shows nothing. */
#define SOAK_COUNTS(X)							\
	X(attached) X(sent) X(refused) X(acked) X(failed) X(released)	\
	X(rejected) X(grandchildren) X(passed) X(claimed) X(halfway)	\
	X(detached) X(vmspliced) X(registered) X(direct) X(dumped)	\
	X(written) X(read) X(settings) X(policies) X(pauses) X(drains)	\
	X(purges) X(requeues) X(recreated) X(balanced) X(stops) X(looks)

struct soak_share {
	uint64_t next;
	uint32_t stop;
	uint32_t errors;
	char error[512];
	struct soak_chan chan[SOAK_CHANS];
	struct soak_slot slot[SOAK_SLOTS];
	pid_t grand[SOAK_GRAND];
	uint32_t grand_at;
	int pair[2];		/* descriptors go from [0] to [1] */
	char cgroup[64];
#define X(what) uint64_t what;
	SOAK_COUNTS(X)
#undef X
	struct soak_entry entry[SOAK_ROOM];
};

/* A message; a pattern that depends on its number follows. */
struct soak_msg {
	uint64_t num;
	uint32_t chan;
	uint32_t gen;
	uint32_t len;
	uint32_t magic;
};

#define SOAK_MAGIC	0x50ae50aeu
#define SOAK_LEN_MAX	20000

extern struct soak_share *soak;

#define soak_count(what)	__atomic_fetch_add(&soak->what, 1, __ATOMIC_RELAXED)

void soak_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void soak_fill(void *p, uint64_t num, uint32_t chan, uint32_t gen, uint32_t len);
struct soak_entry *soak_check(const void *p, uint32_t len, uint32_t chan, uint32_t gen);
bool soak_attached(uint32_t chan, uint32_t gen);
int soak_make(uint32_t chan);

enum { JOB_SENDER, JOB_WORKER, JOB_BOTH, JOB_WRITER, JOB_READER, JOB_KEEPER, NR_JOBS };

void soak_crew(struct soak_slot *s, uint64_t seed) __attribute__((noreturn));
void soak_ctl(uint64_t seed) __attribute__((noreturn));

#endif /* SOAK_H */
