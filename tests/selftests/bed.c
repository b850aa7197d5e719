// SPDX-License-Identifier: GPL-2.0-only
#include <grp.h>
#include <setjmp.h>
#include <sys/prctl.h>

#include "bed.h"

/**
 * chan_new - create a channel
 * @name: at least CHAN_ROOM bytes; filled in, no other test has the name
 * @attrs: all but the name
 */
#define ATTRS_ROOM	64	/* all that a channel has, the name and the end */

int chan_new(char *name, const struct nl_attr *attrs)
{
	struct nl_attr list[ATTRS_ROOM] = { A_STR(WEIR_A_CHANNEL_NAME, name) };
	static unsigned int nr;
	size_t i;

	snprintf(name, CHAN_ROOM, "test-%d-%u", getpid(), nr++);
	for (i = 0; attrs[i].kind != NL_END && i < ATTRS_ROOM - 2; i++)
		list[i + 1] = attrs[i];
	return nl_do(WEIR_CMD_CHANNEL_NEW, list);
}

int chan_set(const char *name, const struct nl_attr *attrs)
{
	struct nl_attr list[ATTRS_ROOM] = { A_STR(WEIR_A_CHANNEL_NAME, name) };
	size_t i;

	for (i = 0; attrs[i].kind != NL_END && i < ATTRS_ROOM - 2; i++)
		list[i + 1] = attrs[i];
	return nl_do(WEIR_CMD_CHANNEL_SET, list);
}

int chan_del(const char *name, bool force)
{
	if (force)
		return nl_do(WEIR_CMD_CHANNEL_DEL,
			     ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name),
				   A_FLAG(WEIR_A_CHANNEL_FORCE)));
	return nl_do(WEIR_CMD_CHANNEL_DEL,
		     ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
}

/**
 * chan_end - at the end of a test: its books are checked, then it is deleted
 *
 * Return: 0, also if the test has deleted it; -EUCLEAN if the books are wrong.
 */
int chan_end(const char *name)
{
	int ret = nl_do(WEIR_CMD_CHANNEL_GET,
			ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
	bool good;

	if (ret == -ENODEV)
		return 0;
	if (ret)
		return ret;
	good = chan_balanced(name);
	ret = chan_del(name, true);
	return good ? ret : -EUCLEAN;
}

static uint64_t ask(int cmd, const struct nl_attr *attrs, int attr)
{
	return nl_do(cmd, attrs) ? ~0ULL : nl_num(nl_first(), attr);
}

/* Each is one number of one object; ~0 if there is no such object or number. */
uint64_t chan_num(const char *name, int attr)
{
	return ask(WEIR_CMD_CHANNEL_GET,
		   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)), attr);
}

uint64_t stat_of(const char *name, int attr)
{
	return ask(WEIR_CMD_STATS_GET,
		   ATTRS(A_STR(WEIR_A_STATS_CHANNEL, name)), attr);
}

uint64_t pool_num(const char *name, int attr)
{
	return ask(WEIR_CMD_POOL_GET, ATTRS(A_STR(WEIR_A_POOL_NAME, name)), attr);
}

uint64_t client_num(const char *name, uint32_t id, int attr)
{
	return ask(WEIR_CMD_CLIENT_GET,
		   ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, name),
			 A_U32(WEIR_A_CLIENT_ID, id)), attr);
}

uint64_t message_num(const char *name, uint64_t id, int attr)
{
	return ask(WEIR_CMD_MESSAGE_GET,
		   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, name),
			 A_U64(WEIR_A_MESSAGE_ID, id)), attr);
}

/**
 * message_do - one of the commands on a message
 *
 * Return: how many it changed, or a negative errno.
 */
int64_t message_do(int cmd, const char *name, uint64_t id)
{
	int ret = nl_do(cmd, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, name),
				   A_U64(WEIR_A_MESSAGE_ID, id)));

	return ret ?: (int64_t)nl_num(nl_first(), WEIR_A_MESSAGE_COUNT);
}

/**
 * chan_balanced - does every message accepted have one place, in one reading
 */
bool chan_balanced(const char *name)
{
	static const int parts[] = {
		WEIR_A_STATS_ACKED, WEIR_A_STATS_DEAD, WEIR_A_STATS_DROPPED,
		WEIR_A_STATS_PURGED, WEIR_A_STATS_JOINED,
		WEIR_A_STATS_FORWARDED, WEIR_A_STATS_READY,
		WEIR_A_STATS_DELAYED, WEIR_A_STATS_INFLIGHT,
	};
	uint64_t accepted = STAT(name, ACCEPTED), sum = 0;
	const struct nl_obj *o = nl_first();
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		sum += nl_num(o, parts[i]);
	if (o && sum == accepted)
		return true;
	printf("# %s: accepted %llu, accounted for %llu\n", name,
	       (unsigned long long)accepted, (unsigned long long)sum);
	return false;
}

/**
 * all_acked - wait until so many are acknowledged: it may take its time, but goes on
 */
bool all_acked(const char *name, uint64_t nr)
{
	uint64_t done;

	do {
		done = STAT(name, ACKED);
	} while (done < nr && WAIT_FOR(STAT(name, ACKED) > done));
	return done == nr;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* Until the clock has passed a time that means something, such as a deadline. */
void wait_until(uint64_t ns)
{
	while (now_ns() <= ns)
		breathe();
}

/* Lets others run between two looks at a condition. */
void breathe(void)
{
	struct timespec t = { .tv_nsec = 1 * MS };

	nanosleep(&t, NULL);
}

/**
 * kid_fork - fork, with a pipe each way; the child dies with the test
 * @k: filled in on both sides
 *
 * Return: true in the child, which has to end with _exit().
 */
bool kid_fork(struct kid *k)
{
	int down[2], up[2];
	pid_t parent = getpid();

	if (pipe(down) || pipe(up))
		abort();
	k->pid = fork();
	if (k->pid < 0)
		abort();
	if (k->pid) {
		close(down[0]);
		close(up[1]);
		k->in = up[0];
		k->out = down[1];
		return false;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* 0: it is the first in a process namespace of its own. */
	if (getppid() != parent && getppid())
		_exit(1);
	close(down[1]);
	close(up[0]);
	k->in = down[0];
	k->out = up[1];
	return true;
}

/**
 * kid_fork_nobody - kid_fork() for a child that is an unprivileged user
 */
bool kid_fork_nobody(struct kid *k)
{
	if (!kid_fork(k))
		return false;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		_exit(1);
	return true;
}

void kid_say(struct kid *k, char word)
{
	if (write(k->out, &word, 1) != 1 && !k->pid)
		_exit(1);
}

/**
 * kid_hear - the other side's next word
 *
 * Return: the word; 0 if there will be none, or none came for very long.
 */
int kid_hear(struct kid *k)
{
	struct pollfd p = { .fd = k->in, .events = POLLIN };
	char word;

	if (poll(&p, 1, RAW_PATIENCE / MS) != 1 || read(k->in, &word, 1) != 1)
		return 0;
	return word;
}

/* The child stays as it is until it is killed, or the test has ended. */
void kid_hold(struct kid *k)
{
	char word;

	while (read(k->in, &word, 1) < 0)
		;
	_exit(0);
}

/*
 * Return: the signal that ended it, or -1. The pipes stay open: who inherited
 * them from the child notices the end of the test.
 */
int kid_kill(struct kid *k)
{
	int status;

	kill(k->pid, SIGKILL);
	if (waitpid(k->pid, &status, 0) != k->pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

/* Return: its exit status, or -1. */
int kid_end(struct kid *k)
{
	int status;

	if (waitpid(k->pid, &status, 0) != k->pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* For tests with so many children that their pipes are too many. */
void kid_drop(struct kid *k)
{
	close(k->in);
	close(k->out);
}

/* Has it ended, or said something? Does not wait. */
bool kid_ended(struct kid *k)
{
	struct pollfd p = { .fd = k->in, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static char state_in(const char *path)
{
	char text[512], *p = NULL;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		p = strrchr(text, ')');
	fclose(f);
	return p ? p[2] : 0;
}

/**
 * kid_state - what ps shows: R runs, S sleeps, T is stopped, Z is dead
 */
char kid_state(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return state_in(path);
}

/* How often it went to sleep by itself; -1 unless it sleeps now. */
static long asleep(pid_t pid)
{
	static const char count[] = "voluntary_ctxt_switches:";
	char path[64], line[128];
	bool sleeps = false;
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "State:\tS", 8))
			sleeps = true;
		if (!strncmp(line, count, strlen(count)))
			nr = strtol(line + strlen(count), NULL, 10);
	}
	fclose(f);
	return sleeps ? nr : -1;
}

/**
 * kid_sleeps - does it sleep, and not only for a moment?
 *
 * On its way to the call that is to hold it, it may sleep for a page or a lock:
 * two looks have to find the same sleep.
 */
bool kid_sleeps(pid_t pid)
{
	static const struct timespec moment = { .tv_nsec = 20 * MS };
	long first = asleep(pid);

	if (first < 0)
		return false;
	nanosleep(&moment, NULL);
	return asleep(pid) == first;
}

static __thread sigjmp_buf touched;
static __thread volatile sig_atomic_t touching;

static void on_fault(int sig)
{
	if (touching)
		siglongjmp(touched, sig);
	signal(sig, SIG_DFL);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

/**
 * touch_read - read a byte that may not be there
 *
 * Return: 0, or the signal that came.
 */
int touch_read(const volatile void *p)
{
	int sig;

	catch_faults();
	touching = 1;
	sig = sigsetjmp(touched, 1);
	if (!sig)
		(void)*(const volatile unsigned char *)p;
	touching = 0;
	return sig;
}

int touch_write(volatile void *p, unsigned char value)
{
	int sig;

	catch_faults();
	touching = 1;
	sig = sigsetjmp(touched, 1);
	if (!sig)
		*(volatile unsigned char *)p = value;
	touching = 0;
	return sig;
}

bool all_zero(const void *p, size_t len)
{
	const unsigned char *c = p;

	return !len || (!c[0] && !memcmp(c, c + 1, len - 1));
}

/**
 * seed_from_env - WEIR_SEED, or a new one; printed, so that a failure can be had again
 */
uint64_t seed_from_env(void)
{
	const char *text = getenv("WEIR_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : now_ns() ^ getpid();

	seed |= 1;
	printf("# WEIR_SEED=%#llx\n", (unsigned long long)seed);
	return seed;
}

uint64_t chance(uint64_t *seed)
{
	/* xorshift64*, good enough to reach odd corners. */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dULL;
}
