// SPDX-License-Identifier: GPL-2.0-only
/*
 * IORING_OP_URING_CMD on a client: to submit, and never to wait.
 *
 * A command is done when its handler returns: none is ever under way, so there
 * is nothing to cancel, and nothing that could outlive ring, file or module.
 */
#include <linux/file.h>

#include "client.h"
#include "compat.h"

static_assert(sizeof(struct weir_uring) <=
	      sizeof(struct io_uring_sqe) - offsetof(struct io_uring_sqe, cmd));

/* The entry lies in memory that the user may be writing to: read it once. */
static int take_command(struct io_uring_cmd *cmd, struct weir_uring *arg)
{
	const struct io_uring_sqe *sqe = cmd->sqe;

	if (cmd->cmd_op != WEIR_URING_SUBMIT)
		return -EOPNOTSUPP;
	*arg = *(const struct weir_uring *)sqe->cmd;
	barrier();	/* the compiler must not go back to the original */
	if (arg->resv[0] || arg->resv[1] || arg->resv[2])
		return -EINVAL;
	if (cmd->flags & IORING_URING_CMD_MASK || READ_ONCE(sqe->addr) ||
	    READ_ONCE(sqe->len) || READ_ONCE(sqe->file_index))
		return -EINVAL;
	return 0;
}

/**
 * weir_client_uring_cmd - the client's uring_cmd operation
 * @cmd: command
 * @issue_flags: of io_uring; it never waits, whatever they say
 *
 * Runs in the submitter, in a worker or in the polling thread of io_uring.
 * The latter two are threads of the process that submits, or has made the
 * ring, in its address space: weir_client_check() sees the process in whose
 * name the command is given.
 *
 * Return: as struct weir_uring says, or -EIOCBQUEUED if that was told already.
 */
int weir_client_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct weir_uring arg;
	int ret;

	ret = take_command(cmd, &arg);
	ret = ret ?: weir_client_submit(cmd->file->private_data, arg.to_submit);
	if (ret != -EAGAIN)
		return ret;
	/* Returned, it would have io_uring try again in a worker. */
	weir_uring_cmd_done(cmd, ret, issue_flags);
	return -EIOCBQUEUED;
}
