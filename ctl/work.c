// SPDX-License-Identifier: GPL-2.0-only
/*
 * work: a command for each message, several at once. Each of those is a worker of
 * its own to the kernel, that holds one message: nothing waits behind a busy one.
 */
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "ctl.h"
#include "job.h"
#include "json.h"
#include "output.h"
#include "report.h"

#define JOBS_MAX 1024
#define RING 16
#define RELEASE_MS 1000
#define KILL_AFTER 5000000000ULL	/* from the polite signal to the other */

/* What a command's exit status says; see sysexits.h. */
enum { EXIT_RELEASE = 75, EXIT_REJECT = 65 };

/* A worker, and the command that works on what it holds. */
struct slot {
	struct weir *w;		/* NULL: no more */
	struct job job;
};

struct work {
	const char *channel;
	char **command;
	unsigned int jobs;
	uint64_t timeout;	/* of one job, in ns; 0: none */
	int release_ms;
	struct slot *slot;
	struct pollfd *poll;
	unsigned int running;
	unsigned int signals;	/* that asked us to end */
	int signal;		/* the last of them */
	int signal_fd;
	int error;		/* -errno: a worker was ended by others */
	uint64_t acked, released, rejected, failed;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

__printf(2, 3) static void note(const struct work *w, const char *format, ...)
{
	char text[512];
	va_list ap;

	if (ctl.json)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fprintf(stderr, "weirctl: work %s: ", w->channel);
	put_safe(stderr, text);
	fputc('\n', stderr);
}

static bool stopping(const struct work *w)
{
	return w->signals || w->error;
}

static unsigned long long id_of(const struct job *job)
{
	return job->msg.seq;
}

/* ---- the end of a job ---------------------------------------------------------- */

static const char *describe(const struct job *job, int status, char *buf, size_t size)
{
	if (job->late)
		snprintf(buf, size, "took too long");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	return buf;
}

static int answer(struct work *w, struct slot *slot, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	struct job *job = &slot->job;
	char text[128];

	if (job->unwanted) {
		w->released++;
		return weir_release(slot->w, &job->msg, 0);
	}
	if (!code) {
		w->acked++;
		return weir_ack(slot->w, &job->msg);
	}
	if (code == EXIT_RELEASE && !job->late) {
		w->released++;
		return weir_release(slot->w, &job->msg, w->release_ms);
	}
	if (code == EXIT_REJECT && !job->late) {
		w->rejected++;
		note(w, "message %llu rejected", id_of(job));
		return weir_reject(slot->w, &job->msg, *job->last ? job->last : NULL);
	}
	w->failed++;
	note(w, "message %llu failed, attempt %u: %s: %s", id_of(job),
	     job->msg.attempts, w->command[0],
	     describe(job, status, text, sizeof(text)));
	return weir_fail(slot->w, &job->msg, 0);
}

static void close_slot(struct slot *slot)
{
	weir_close(slot->w);
	slot->w = NULL;
}

static void signal_all(struct work *w, int signal)
{
	for (unsigned int i = 0; i < w->jobs; i++) {
		struct job *job = &w->slot[i].job;

		if (!job->pid)
			continue;
		job->unwanted = true;
		job_signal(job, signal);
	}
}

/*
 * The channel is gone, or we were kicked: our messages are with others by now,
 * and must not be worked on twice at a time.
 */
static void end_work(struct work *w, int error)
{
	if (w->error)
		return;
	w->error = error;
	signal_all(w, SIGTERM);
}

static void finish(struct work *w, struct slot *slot, int status)
{
	int error = answer(w, slot, status);

	if (!error)
		error = weir_flush(slot->w, -1);
	if (error == -ESTALE)
		note(w, "message %llu was taken away meanwhile", id_of(&slot->job));
	else if (error)
		end_work(w, error);
}

static void reap(struct work *w)
{
	int status;

	for (unsigned int i = 0; i < w->jobs; i++) {
		struct slot *slot = &w->slot[i];

		if (!slot->job.pid || !job_ended(&slot->job, &status))
			continue;
		if (!w->error)
			finish(w, slot, status);
		slot->job.pid = 0;
		w->running--;
		if (stopping(w))
			close_slot(slot);
	}
}

/* ---- signals and time ------------------------------------------------------------ */

static void stop(struct work *w, int signal)
{
	w->signal = signal;
	switch (++w->signals) {
	case 1:		/* finish what runs; what the others have unseen goes back */
		for (unsigned int i = 0; i < w->jobs; i++)
			if (!w->slot[i].job.pid)
				close_slot(&w->slot[i]);
		break;
	case 2:
		signal_all(w, SIGTERM);
		break;
	default:
		signal_all(w, SIGKILL);
	}
}

static void read_signals(struct work *w)
{
	struct signalfd_siginfo info;

	while (read(w->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			stop(w, info.ssi_signo);
}

static void check_deadlines(struct work *w)
{
	uint64_t t = now();

	for (unsigned int i = 0; i < w->jobs; i++) {
		struct job *job = &w->slot[i].job;

		if (!job->pid || !job->deadline || t < job->deadline)
			continue;
		job_signal(job, job->late ? SIGKILL : SIGTERM);
		job->deadline = t + KILL_AFTER;
		job->late = true;
	}
}

/* Milliseconds until the next deadline, -1 if there is none. */
static int next_deadline(const struct work *w)
{
	uint64_t first = 0, t;

	for (unsigned int i = 0; i < w->jobs; i++) {
		const struct job *job = &w->slot[i].job;

		if (job->pid && job->deadline && (!first || job->deadline < first))
			first = job->deadline;
	}
	if (!first)
		return -1;
	t = now();
	return first > t ? attach_ms(first - t) : 0;
}

/* ---- the beginning of a job ------------------------------------------------------- */

static void start(struct work *w, struct slot *slot, const struct weir_msg *msg)
{
	int error = job_start(&slot->job, w->channel, w->command, msg);

	if (!error) {
		slot->job.deadline = w->timeout ? now() + w->timeout : 0;
		w->running++;
		return;
	}
	note(w, "message %llu given back: %s", (unsigned long long)msg->seq,
	     strerror(-error));
	w->released++;
	error = weir_release(slot->w, msg, w->release_ms);
	if (!error)
		error = weir_flush(slot->w, -1);
	if (error && error != -ESTALE)
		end_work(w, error);
}

static void fill(struct work *w)
{
	struct weir_msg msg;

	for (unsigned int i = 0; i < w->jobs && !stopping(w); i++) {
		struct slot *slot = &w->slot[i];
		int n = 0;

		if (!slot->job.pid)
			n = weir_recv(slot->w, &msg, 0);
		if (n == 1)
			start(w, slot, &msg);
		else if (n < 0 && n != -EINTR)
			end_work(w, n);
	}
}

/* ---- the loop ------------------------------------------------------------------- */

/* A busy worker has no use for more, but its end is heard of in any case. */
static void wait_for_something(struct work *w)
{
	struct pollfd *p = w->poll;

	*p++ = (struct pollfd){ w->signal_fd, POLLIN, 0 };
	for (unsigned int i = 0; i < w->jobs; i++) {
		const struct slot *slot = &w->slot[i];
		bool busy = slot->job.pid;

		*p++ = (struct pollfd){
			slot->w && !w->error ? weir_fd(slot->w) : -1,
			busy ? 0 : POLLIN, 0
		};
		*p++ = (struct pollfd){ busy ? slot->job.err : -1, POLLIN, 0 };
	}
	if (poll(w->poll, p - w->poll, next_deadline(w)) <= 0)
		return;
	for (unsigned int i = 0; i < w->jobs; i++)
		if (w->poll[1 + 2 * i].revents & (POLLHUP | POLLERR))
			end_work(w, -ESHUTDOWN);
}

static int loop(struct work *w)
{
	for (;;) {
		fill(w);
		if (stopping(w) && !w->running)
			break;
		wait_for_something(w);
		read_signals(w);
		for (unsigned int i = 0; i < w->jobs; i++)
			if (w->slot[i].job.pid)
				job_relay(&w->slot[i].job);
		check_deadlines(w);
		reap(w);
	}
	if (w->error == -ESHUTDOWN)
		return report(STATUS_REFUSED, ESHUTDOWN, NULL,
			      "the channel was deleted, or this worker kicked (ESHUTDOWN)");
	if (w->error)
		return attach_failed(NULL, w->error);
	return w->signals > 1 ? 128 + w->signal : STATUS_DONE;
}

static void say_summary(const struct work *w)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("channel", w->channel);
	json_number("acked", w->acked);
	json_number("released", w->released);
	json_number("rejected", w->rejected);
	json_number("failed", w->failed);
	json_object_end();
}

/* ---- command line --------------------------------------------------------------- */

enum { JOBS, TIMEOUT, DELAY };

static const struct word words[] = {
	{ "--jobs", "N", NULL, "commands at once, else one; also -j N" },
	{ "--timeout", "TIME", NULL, "fail what takes longer" },
	{ "--delay", "TIME", NULL, "of what CMD released with 75, else 1s" },
	{ }
};

static int read_word(struct work *w, struct args *a)
{
	uint64_t number;
	const char *value;

	if (!strcmp(a->word[0], "-j"))
		a->word[0] = (char *)words[JOBS].name;
	switch (args_word(a, words, "option", &value)) {
	case JOBS:
		if (args_count("--jobs", value, UINT32_MAX, &number))
			return STATUS_USAGE;
		if (!number || number > JOBS_MAX)
			return report(STATUS_USAGE, 0, "--jobs",
				      "--jobs \"%s\" is out of range 1..%d", value,
				      JOBS_MAX);
		w->jobs = number;
		return 0;
	case TIMEOUT:
		return args_time("--timeout", value, &w->timeout);
	case DELAY:
		if (args_time("--delay", value, &number))
			return STATUS_USAGE;
		w->release_ms = attach_ms(number);
		return 0;
	default:
		return STATUS_USAGE;
	}
}

static int read_words(struct work *w, struct args *a)
{
	int error;

	w->jobs = 1;
	w->release_ms = RELEASE_MS;
	while (a->count && a->word[0][0] == '-' && strcmp(a->word[0], "--"))
		if (read_word(w, a))
			return STATUS_USAGE;
	if (a->count && !strcmp(a->word[0], "--"))
		args_next(a);
	if (!a->count)
		return usage_error("CMD is missing%s", args_pointer());
	w->command = a->word;
	error = job_check(w->command[0]);
	return error ? usage_error("%s: %s", w->command[0], strerror(-error)) : 0;
}

static int catch_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_slots(struct work *w)
{
	struct weir_opts opts = {
		.size = sizeof(opts), .flags = WEIR_OPEN_WORK, .inflight = 1,
		.sq_entries = RING, .cq_entries = RING
	};
	int status = 0;

	for (unsigned int i = 0; i < w->jobs && !status; i++)
		status = attach_open(&w->slot[i].w, w->channel, &opts);
	return status;
}

static int work_on(struct work *w)
{
	sigset_t old;
	int status;

	w->slot = calloc(w->jobs, sizeof(*w->slot));
	w->poll = calloc(1 + 2 * w->jobs, sizeof(*w->poll));
	w->signal_fd = catch_signals(&old);
	if (w->signal_fd < 0 || !w->slot || !w->poll)
		abort();
	status = open_slots(w);
	if (!status) {
		status = loop(w);
		if (!w->error)
			say_summary(w);
	}
	for (unsigned int i = 0; i < w->jobs; i++)
		close_slot(&w->slot[i]);
	close(w->signal_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	free(w->poll);
	free(w->slot);
	return status;
}

/* The command needs the end of the line: what follows CMD is its own. */
static int work_run(struct args *a)
{
	struct work w = { NULL };
	int status;

	status = args_need(a, "CHANNEL", &w.channel);
	if (!status)
		status = read_words(&w, a);
	return status ? status : work_on(&w);
}

static const struct cmd cmds[] = {
	{ NULL, work_run, CMD_CHANNEL, "CHANNEL", words, "-- CMD...",
	  "run CMD for each; its exit status answers" },
	{ }
};

const struct object work_object = { "work", "works", cmds };
