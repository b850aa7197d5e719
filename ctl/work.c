// SPDX-License-Identifier: GPL-2.0-only
/* work: a command for each message, several at once. */
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
#define CQ_DEFAULT 512
#define RELEASE_MS 1000
#define KILL_AFTER 5000000000ULL	/* from the polite signal to the other */

/* What a command's exit status says; see sysexits.h. */
enum { EXIT_RELEASE = 75, EXIT_REJECT = 65 };

struct work {
	struct weir *w;
	const char *channel;
	char **command;
	unsigned int jobs;
	uint64_t timeout;	/* of one job, in ns; 0: none */
	int release_ms;
	struct job *job;
	struct pollfd *poll;
	unsigned int running;
	unsigned int signals;	/* that asked us to end */
	int signal;		/* the last of them */
	int signal_fd;
	int error;		/* -errno that ended the handle */
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

static int answer(struct work *w, struct job *job, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	unsigned long long id = job->msg.seq;
	char text[128];

	if (job->unwanted) {
		w->released++;
		return weir_release(w->w, &job->msg, 0);
	}
	if (!code) {
		w->acked++;
		return weir_ack(w->w, &job->msg);
	}
	if (code == EXIT_RELEASE && !job->late) {
		w->released++;
		return weir_release(w->w, &job->msg, w->release_ms);
	}
	if (code == EXIT_REJECT && !job->late) {
		w->rejected++;
		note(w, "message %llu rejected", id);
		return weir_reject(w->w, &job->msg, *job->last ? job->last : NULL);
	}
	w->failed++;
	note(w, "message %llu failed, attempt %u: %s: %s", id, job->msg.attempts,
	     w->command[0], describe(job, status, text, sizeof(text)));
	return weir_fail(w->w, &job->msg, 0);
}

static void end_handle(struct work *w, int error);

static void reap(struct work *w)
{
	int status, error;

	for (unsigned int i = 0; i < w->jobs; i++) {
		struct job *job = &w->job[i];

		if (!job->pid || !job_ended(job, &status))
			continue;
		if (!w->error) {
			error = answer(w, job, status);
			if (error)
				end_handle(w, error);
		}
		job->pid = 0;
		w->running--;
	}
}

/* ---- signals and time ------------------------------------------------------------ */

static void signal_all(struct work *w, int signal)
{
	for (unsigned int i = 0; i < w->jobs; i++) {
		if (!w->job[i].pid)
			continue;
		w->job[i].unwanted = true;
		job_signal(&w->job[i], signal);
	}
}

/*
 * The channel is gone, or we were kicked: our messages are with others by now,
 * and must not be worked on twice at a time.
 */
static void end_handle(struct work *w, int error)
{
	w->error = error;
	signal_all(w, SIGTERM);
}

static void stop(struct work *w, int signal)
{
	int error;

	w->signal = signal;
	switch (++w->signals) {
	case 1:		/* finish what runs, give back the rest */
		do {
			error = weir_drain(w->w);
		} while (error == -EINTR || error == -EAGAIN);
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
		struct job *job = &w->job[i];

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
		const struct job *job = &w->job[i];

		if (job->pid && job->deadline && (!first || job->deadline < first))
			first = job->deadline;
	}
	if (!first)
		return -1;
	t = now();
	return first > t ? attach_ms(first - t) : 0;
}

/* ---- the beginning of a job ------------------------------------------------------- */

static void start(struct work *w, const struct weir_msg *msg)
{
	struct job *job = w->job;
	int error;

	while (job->pid)
		job++;
	error = job_start(job, w->channel, w->command, msg);
	if (!error) {
		job->deadline = w->timeout ? now() + w->timeout : 0;
		w->running++;
		return;
	}
	note(w, "message %llu given back: %s", (unsigned long long)msg->seq,
	     strerror(-error));
	w->released++;
	error = weir_release(w->w, msg, w->release_ms);
	if (error)
		end_handle(w, error);
}

static void fill(struct work *w)
{
	struct weir_msg msg;
	int n;

	while (!stopping(w) && w->running < w->jobs) {
		n = weir_recv(w->w, &msg, 0);
		if (n < 0 && n != -EINTR)
			end_handle(w, n);
		if (n != 1)
			break;
		start(w, &msg);
	}
	if (!w->error)
		weir_submit(w->w);
}

/* ---- the loop ------------------------------------------------------------------- */

static void wait_for_something(struct work *w)
{
	bool more = !stopping(w) && w->running < w->jobs;
	unsigned int count = 0;

	w->poll[count++] = (struct pollfd){ w->signal_fd, POLLIN, 0 };
	/* Without room for more it may still end. */
	w->poll[count++] = (struct pollfd){
		w->error ? -1 : weir_fd(w->w), more ? POLLIN : 0, 0
	};
	for (unsigned int i = 0; i < w->jobs; i++)
		if (w->job[i].pid && w->job[i].err >= 0)
			w->poll[count++] = (struct pollfd){ w->job[i].err, POLLIN, 0 };
	if (poll(w->poll, count, next_deadline(w)) > 0 &&
	    w->poll[1].revents & (POLLHUP | POLLERR))
		end_handle(w, -ESHUTDOWN);
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
			if (w->job[i].pid)
				job_relay(&w->job[i]);
		check_deadlines(w);
		reap(w);
	}
	if (w->error == -ESHUTDOWN)
		return report(STATUS_REFUSED, ESHUTDOWN, NULL,
			      "the channel was deleted, or this worker kicked (ESHUTDOWN)");
	if (w->error)
		return attach_failed(w->w, w->error);
	if (weir_flush(w->w, -1) == -ESTALE)
		note(w, "an answer came too late: its message was taken away");
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

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int work_on(struct work *w)
{
	struct weir_opts opts = { .flags = WEIR_OPEN_WORK, .inflight = w->jobs };
	int status;

	opts.size = sizeof(opts);
	if (w->jobs > CQ_DEFAULT)
		opts.cq_entries = JOBS_MAX;
	status = attach_open(&w->w, w->channel, &opts);
	if (status)
		return status;
	w->signal_fd = catch_signals();
	w->job = calloc(w->jobs, sizeof(*w->job));
	w->poll = calloc(w->jobs + 2, sizeof(*w->poll));
	if (w->signal_fd < 0 || !w->job || !w->poll)
		abort();
	status = loop(w);
	if (!w->error)
		say_summary(w);
	weir_close(w->w);
	close(w->signal_fd);
	free(w->poll);
	free(w->job);
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
