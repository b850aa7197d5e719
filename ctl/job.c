// SPDX-License-Identifier: GPL-2.0-only
/* A command run on one message: its input, environment, standard error and end. */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- start ------------------------------------------------------------------- */

/*
 * The payload as a file: unlike with a pipe nobody waits for a command that does
 * not read, and it can be read twice.
 */
static int payload_file(const struct weir_msg *msg)
{
	const char *data = msg->data;
	int error, fd = memfd_create("weir-message", MFD_CLOEXEC);
	size_t written = 0;

	if (fd < 0)
		return -errno;
	while (written < msg->len) {
		ssize_t n = write(fd, data + written, msg->len - written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error = -errno;
			close(fd);
			return error;
		}
		written += n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

static void set_number(const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	setenv(name, text, 1);
}

/*
 * In the child. A process group of its own, so that the terminal's ^C reaches
 * weirctl alone, which lets it finish; but it must not outlive weirctl: its
 * message would be worked on twice at a time.
 */
static void run(const char *channel, char **command, const struct weir_msg *msg,
		int input, int error, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(error, STDERR_FILENO) < 0)
		_exit(1);
	setenv("WEIR_CHANNEL", channel, 1);
	set_number("WEIR_ID", msg->seq);
	set_number("WEIR_ATTEMPT", msg->attempts);
	set_number("WEIR_KEY", msg->key);
	set_number("WEIR_PRIORITY", msg->prio);
	set_number("WEIR_TYPE", msg->mtype);
	execvp(command[0], command);
	dprintf(STDERR_FILENO, "%s: %s\n", command[0], strerror(errno));
	_exit(127);
}

int job_start(struct job *job, const char *channel, char **command,
	      const struct weir_msg *msg)
{
	int ends[2], error = 0, input = payload_file(msg);
	pid_t parent = getpid();

	if (input < 0)
		return input;
	if (pipe2(ends, O_CLOEXEC)) {
		error = -errno;
		close(input);
		return error;
	}
	memset(job, 0, sizeof(*job));
	fflush(NULL);
	job->pid = fork();
	if (!job->pid)
		run(channel, command, msg, input, ends[1], parent);
	if (job->pid < 0)
		error = -errno;
	close(input);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		job->pid = 0;
		return error;
	}
	/* Also here: whoever comes first. */
	setpgid(job->pid, job->pid);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	job->err = ends[0];
	job->msg = *msg;
	return 0;
}

/* ---- standard error ------------------------------------------------------------ */

/* In whole lines, so that those of several jobs do not run into each other. */
static void end_line(struct job *job)
{
	if (!job->used)
		return;
	job->line[job->used] = '\0';
	memcpy(job->last, job->line, job->used + 1);
	fprintf(stderr, "%s\n", job->line);
	job->used = 0;
}

static void add_text(struct job *job, const char *text, size_t size)
{
	for (; size; text++, size--) {
		if (*text == '\n' || job->used == JOB_LINE - 1)
			end_line(job);
		if (*text != '\n' && *text)
			job->line[job->used++] = *text;
	}
}

void job_relay(struct job *job)
{
	char text[4096];
	ssize_t n;

	while (job->err >= 0 && (n = read(job->err, text, sizeof(text)))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		add_text(job, text, n);
	}
	if (job->err >= 0)
		close(job->err);
	job->err = -1;
}

/* ---- end --------------------------------------------------------------------- */

/* Its children may still hold standard error: that is not waited for. */
bool job_ended(struct job *job, int *status)
{
	if (waitpid(job->pid, status, WNOHANG) != job->pid)
		return false;
	job_relay(job);
	end_line(job);
	if (job->err >= 0)
		close(job->err);
	job->err = -1;
	return true;
}

void job_signal(const struct job *job, int signal)
{
	kill(-job->pid, signal);
}

int job_check(const char *command)
{
	const char *path = getenv("PATH");
	char file[4096];
	struct stat st;

	if (strchr(command, '/')) {
		if (!stat(command, &st) && S_ISDIR(st.st_mode))
			return -EISDIR;
		return access(command, X_OK) ? -errno : 0;
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		int length = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/%s", length, path, command);
		if (!access(file, X_OK))
			return 0;
		path += length + (path[length] == ':');
	}
	return -ENOENT;
}
