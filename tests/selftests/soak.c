// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger under fire: a crowd of processes that work, misbehave and are
 * killed, stopped and continued while somebody changes the channels under them.
 * Every message has a number, and at the end each is found in one place.
 *
 *   soak                    one round, as a test
 *   soak --minutes N        rounds until the time is over; the last line tells
 *                           kills, messages, lost, leaked
 *
 * A round is a process namespace of its own: nothing that it began outlives it,
 * and whoever loses its parent becomes a child of its first process.
 */
#include <sched.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "cgroup.h"
#include "soak.h"

#define STOCK	(1 << 20)	/* bytes of charge that processors may keep at hand */
#define GRAND	16		/* grandchildren left alive */
#define VOLLEY	8		/* killed at once */
#define STEP	3		/* between them; VOLLEY * STEP are fewer than there are */
#define MANY	1000		/* kills, after which each kind of thing has happened */
#define ENOUGH	(120 * SECOND)	/* for a round on a machine that is slow */

struct soak_share *soak;

struct totals {
	uint64_t kills, messages, lost, leaked, errors, unsure, gone, dead;
};

static struct totals *total;	/* shared as well: a round adds to it */
static char *core_pattern;
static uint64_t begun;	/* the round */

/**
 * soak_wrong - note what must not be; the first is shown
 */
void soak_wrong(const char *format, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&soak->errors, 1, __ATOMIC_RELAXED))
		return;
	va_start(ap, format);
	vsnprintf(soak->error, sizeof(soak->error), format, ap);
	va_end(ap);
}

static uint8_t pattern(uint64_t num, uint32_t i)
{
	return num * 7 + i;
}

/**
 * soak_fill - write a message
 */
void soak_fill(void *p, uint64_t num, uint32_t chan, uint32_t gen, uint32_t len)
{
	struct soak_msg m = { num, chan, gen, len, SOAK_MAGIC };
	uint8_t *text = p;
	uint32_t i;

	memcpy(p, &m, sizeof(m));
	/* Of a long one only some: what is to be found is another's payload. */
	for (i = sizeof(m); i < len; i += i < 256 ? 1 : 61)
		text[i] = pattern(num, i);
}

/**
 * soak_check - is this a message of that channel, whole, and not acked already?
 *
 * Return: its entry, or NULL after noting what is wrong.
 */
struct soak_entry *soak_check(const void *p, uint32_t len, uint32_t chan, uint32_t gen)
{
	const uint8_t *text = p;
	struct soak_entry *e;
	struct soak_msg m = {};
	uint32_t i;

	if (len >= sizeof(m))
		memcpy(&m, p, sizeof(m));
	if (m.magic != SOAK_MAGIC || m.num >= SOAK_ROOM || m.len != len) {
		soak_wrong("%s: a message of %u bytes is none of ours",
			   soak->chan[chan].name, len);
		return NULL;
	}
	if (m.chan != chan || m.gen != gen) {
		soak_wrong("message %llu of channel %u.%u came out of %u.%u",
			   (unsigned long long)m.num, m.chan, m.gen, chan, gen);
		return NULL;
	}
	for (i = sizeof(m); i < len; i += i < 256 ? 1 : 61)
		if (text[i] != pattern(m.num, i)) {
			soak_wrong("message %llu is wrong at byte %u of %u",
				   (unsigned long long)m.num, i, len);
			return NULL;
		}
	e = &soak->entry[m.num];
	if (__atomic_load_n(&e->acked, __ATOMIC_ACQUIRE))
		soak_wrong("message %llu of %s came again after its ack",
			   (unsigned long long)m.num, soak->chan[chan].name);
	return e;
}

/**
 * soak_attached - is the channel the one that it was before?
 */
bool soak_attached(uint32_t chan, uint32_t gen)
{
	return __atomic_load_n(&soak->chan[chan].gen, __ATOMIC_SEQ_CST) == gen;
}

/* ---- the crowd ---- */

static int job_of(unsigned int slot)
{
	static const int jobs[] = {
		JOB_SENDER, JOB_WORKER, JOB_SENDER, JOB_WORKER, JOB_WORKER,
		JOB_BOTH, JOB_SENDER, JOB_WORKER, JOB_WRITER, JOB_READER,
	};

	return slot < 3 ? JOB_KEEPER : jobs[slot % 10];
}

static void spawn(struct soak_slot *s, uint64_t *seed)
{
	uint64_t own = chance(seed);
	pid_t pid;

	memset(s->id, 0, sizeof(s->id));
	s->stopped = false;
	s->job = job_of(s - soak->slot);
	/* The place is shared: only we write who has it. */
	pid = fork();
	if (pid < 0)
		soak_wrong("fork: %s", strerror(errno));
	if (!pid)
		soak_crew(s, own);
	s->pid = pid;
}

/*
 * It has been waited for, and nobody slept since: none of its clients may be
 * there any more, unless another has taken it over.
 */
static void expect_gone(const struct soak_slot *s)
{
	uint32_t id = s->id[0];
	const char *name = soak->chan[s->chan].name;
	uint64_t pid;

	if (!id)
		return;
	pid = client_num(name, id, WEIR_A_CLIENT_PID);
	if (pid != ~0ULL && pid == (uint32_t)s->pid)
		soak_wrong("%s: process %d was waited for, its client %u holds %llu",
			   name, s->pid, id, (unsigned long long)
			   nl_num(nl_first(), WEIR_A_CLIENT_INFLIGHT));
	soak_count(looks);
}

static void ended(struct soak_slot *s, int status)
{
	if (WIFSIGNALED(status))
		total->kills++;
	else if (WEXITSTATUS(status))
		soak_wrong("a process ended with status %d", WEXITSTATUS(status));
	expect_gone(s);
}

static struct soak_slot *slot_of(pid_t pid, unsigned int slots)
{
	unsigned int i;

	for (i = 0; i < slots; i++)
		if (soak->slot[i].pid == pid)
			return &soak->slot[i];
	return NULL;
}

/* Whoever ended by itself, and grandchildren that came to us. */
static void reap(unsigned int slots, uint64_t *seed)
{
	struct soak_slot *s;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		s = slot_of(pid, slots);
		if (!s)
			continue;
		ended(s, status);
		spawn(s, seed);
	}
}

static void cull(unsigned int keep)
{
	uint32_t at = __atomic_load_n(&soak->grand_at, __ATOMIC_ACQUIRE), i;
	pid_t pid;

	for (i = 0; i < SOAK_GRAND - keep; i++) {
		pid = __atomic_exchange_n(&soak->grand[(at + i) % SOAK_GRAND], 0,
					  __ATOMIC_ACQ_REL);
		if (pid > 0)
			kill(pid, SIGKILL);
	}
}

static void begin_to_kill(struct soak_slot *s, int sig)
{
	if (s->stopped && sig != SIGKILL)
		kill(s->pid, SIGCONT);
	/* It shall not wait for its turn to die. */
	setpriority(PRIO_PROCESS, s->pid, -20);
	kill(s->pid, sig);
}

static void wait_for(struct soak_slot *s)
{
	int status;

	if (waitpid(s->pid, &status, 0) != s->pid)
		soak_wrong("waitpid: %s", strerror(errno));
	else
		ended(s, status);
}

static void stop_or_continue(struct soak_slot *s)
{
	kill(s->pid, s->stopped ? SIGCONT : SIGSTOP);
	s->stopped = !s->stopped;
	soak_count(stops);
}

/* Some die at once; each is looked at when it has been waited for. */
static void kill_some(unsigned int slots, uint64_t *seed)
{
	unsigned int at = chance(seed) % slots, step = 1 + chance(seed) % STEP, i;
	struct soak_slot *s[VOLLEY];

	for (i = 0; i < VOLLEY; i++) {
		s[i] = &soak->slot[(at + i * step) % slots];
		begin_to_kill(s[i], chance(seed) % 20 ? SIGKILL : SIGQUIT);
	}
	for (i = 0; i < VOLLEY; i++)
		wait_for(s[i]);
	for (i = 0; i < VOLLEY; i++)
		spawn(s[i], seed);
}

static void fire(unsigned int slots, unsigned int kills, uint64_t *seed)
{
	uint64_t end = total->kills + kills;

	printf("# %.1f s until all are there\n", (now_ns() - begun) / 1e9);

	while (total->kills < end && !soak->errors && now_ns() < begun + ENOUGH) {
		stop_or_continue(&soak->slot[chance(seed) % slots]);
		kill_some(slots, seed);
		reap(slots, seed);
		cull(GRAND);
		breathe();
	}
}

/* ---- the count at the end ---- */

static void found_one(struct soak_entry *e, uint64_t num)
{
	if (e->found++)
		soak_wrong("message %llu is there twice", (unsigned long long)num);
	if (e->sent == UNSENT || e->sent == REFUSED)
		soak_wrong("message %llu was never accepted", (unsigned long long)num);
}

static void settings_as_new(uint32_t chan)
{
	int ret = chan_set(soak->chan[chan].name,
			   ATTRS(A_U32(WEIR_A_CHANNEL_STATE, WEIR_CHANNEL_STATE_RUNNING),
				 A_U32(WEIR_A_CHANNEL_SENDER_MAX, 100),
				 A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
				 A_U64(WEIR_A_CHANNEL_LINGER, 0)));

	if (ret)
		soak_wrong("set: %s (%s)", strerror(-ret), nl_last.text);
}

static bool all_taken(const char *name)
{
	const struct nl_obj *o;

	if (STAT(name, READY))
		return false;
	o = nl_first();
	return !nl_num(o, WEIR_A_STATS_DELAYED) && !nl_num(o, WEIR_A_STATS_INFLIGHT);
}

/* All that wait are taken, one after the other. Return: how many. */
static uint64_t take_rest(uint32_t chan)
{
	const struct soak_chan *ch = &soak->chan[chan];
	struct soak_entry *e;
	struct weir_cqe cqe;
	uint64_t nr = 0;
	struct raw r;
	int ret;

	ret = raw_open(&r, ch->name, RAW_WORK);
	while (!ret && !all_taken(ch->name)) {
		ret = raw_next_in(&r, 100 * MS, &cqe);
		for (; !ret; ret = raw_next_in(&r, RAW_NEVER, &cqe)) {
			if (cqe.type != WEIR_CQE_MSG)
				continue;
			e = soak_check(r.ro + cqe.addr, cqe.len, chan, ch->gen);
			if (e)
				found_one(e, e - soak->entry);
			nr++;
			if (raw_ack(&r, cqe.token) != 1)
				soak_wrong("the last worker's ack failed");
		}
		if (ret == -ETIME)
			ret = 0;
	}
	if (ret)
		soak_wrong("%s: the last worker: %s", ch->name, strerror(-ret));
	raw_close(&r);
	return nr;
}

/* Each dead message is looked into. Return: how many. */
static uint64_t count_dead(uint32_t chan)
{
	const struct soak_chan *ch = &soak->chan[chan];
	const void *payload;
	struct soak_msg m;
	uint64_t *id;
	size_t nr, i, len;

	if (nl_dump(WEIR_CMD_MESSAGE_GET,
		    ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, ch->name),
			  A_U32(WEIR_A_MESSAGE_STATE, WEIR_MESSAGE_STATE_DEAD))))
		soak_wrong("dump: %s", nl_last.text);
	nr = nl_last.list.nr;
	id = calloc(nr + 1, sizeof(*id));
	for (i = 0; i < nr; i++)
		id[i] = nl_num(nl_last.list.obj[i], WEIR_A_MESSAGE_ID);
	for (i = 0; i < nr; i++) {
		if (message_num(ch->name, id[i], WEIR_A_MESSAGE_STATE) !=
		    WEIR_MESSAGE_STATE_DEAD)
			soak_wrong("dead message %llu is not there",
				   (unsigned long long)id[i]);
		payload = nl_data(nl_first(), WEIR_A_MESSAGE_PAYLOAD, &len);
		if (!payload || len < sizeof(m)) {
			soak_wrong("a dead message without payload");
			continue;
		}
		memcpy(&m, payload, sizeof(m));
		if (m.magic != SOAK_MAGIC || m.num >= SOAK_ROOM || m.chan != chan ||
		    m.gen != ch->gen)
			soak_wrong("a dead message is none of ours");
		else
			found_one(&soak->entry[m.num], m.num);
	}
	free(id);
	total->dead += nr;
	return nr;
}

struct count {
	uint64_t published, intended, acked, unsure, missing;
};

static void count_entry(struct count *c, const struct soak_entry *e, uint64_t num)
{
	if (e->acked > 1)
		soak_wrong("message %llu was acked %u times", (unsigned long long)num,
			   e->acked);
	if (e->acked && e->found)
		soak_wrong("message %llu was acked and is there",
			   (unsigned long long)num);
	c->published += e->sent == PUBLISHED;
	c->intended += e->sent == INTENDED;
	c->acked += e->acked > 0;
	if (e->acked || e->found)
		return;
	if (e->sent == PUBLISHED)
		c->missing++;
	else if (e->sent == INTENDED)
		c->unsure++;
}

static void count_entries(struct count *c, uint32_t chan)
{
	uint64_t last = soak->next < SOAK_ROOM ? soak->next : SOAK_ROOM, i;

	for (i = 0; i < last; i++)
		if (soak->entry[i].chan == chan &&
		    soak->entry[i].gen == soak->chan[chan].gen)
			count_entry(c, &soak->entry[i], i);
}

/*
 * Where the tally does not know of a message, the channel's counters must: an
 * ack whose worker died before it noted it, and what was dropped and so on.
 */
static void account(uint32_t chan, uint64_t rest)
{
	const struct soak_chan *ch = &soak->chan[chan];
	uint64_t accepted, acked, lost_by, known;
	struct count c = {};

	count_entries(&c, chan);
	accepted = STAT(ch->name, ACCEPTED);
	acked = nl_num(nl_first(), WEIR_A_STATS_ACKED) - rest;
	lost_by = nl_num(nl_first(), WEIR_A_STATS_DROPPED) +
		  nl_num(nl_first(), WEIR_A_STATS_PURGED);
	if (ch->kind == SOAK_STRICT && lost_by)
		soak_wrong("%s: %llu dropped or purged", ch->name,
			   (unsigned long long)lost_by);
	if (ch->kind == SOAK_STRICT &&
	    (accepted < c.published || accepted > c.published + c.intended))
		soak_wrong("%s: %llu accepted, %llu sent, %llu perhaps", ch->name,
			   (unsigned long long)accepted,
			   (unsigned long long)c.published,
			   (unsigned long long)c.intended);
	if (acked < c.acked)
		soak_wrong("%s: %llu acked, %llu counted", ch->name,
			   (unsigned long long)c.acked, (unsigned long long)acked);
	known = acked - c.acked + lost_by;
	if (ch->kind != SOAK_STRICT)
		known += nl_num(nl_first(), WEIR_A_STATS_REFUSED);
	if (c.missing > known) {
		soak_wrong("%s: %llu messages are nowhere, %llu accounted for", ch->name,
			   (unsigned long long)c.missing, (unsigned long long)known);
		total->lost += c.missing - known;
	}
	if (ch->kind == SOAK_STRICT && known > c.missing + c.unsure)
		soak_wrong("%s: %llu accounted for, %llu missing", ch->name,
			   (unsigned long long)known,
			   (unsigned long long)(c.missing + c.unsure));
	total->unsure += c.unsure + (ch->kind == SOAK_STRICT ? known : 0);
}

/* All of a pool can be had again. Return: blocks that cannot. */
static uint64_t count_leaks(const char *name)
{
	uint64_t limit = POOL(name, LIMIT), end = now_ns() + RAW_PATIENCE;
	uint64_t got = 0;
	struct raw r;
	int ret;

	ret = raw_open(&r, name, RAW_SEND);
	while (!ret && got < limit && now_ns() < end) {
		if (raw_grant(&r, 0, 0, NULL) == 1)
			got += r.at.block_size[0];
		else
			breathe();
	}
	raw_close(&r);
	if (!WAIT_FOR(!POOL(name, USED)))
		got -= POOL(name, USED);
	return got < limit ? (limit - got) / 65536 : 0;
}

static void close_books(uint32_t chan)
{
	const char *name = soak->chan[chan].name;
	bool numbers = soak->chan[chan].kind != SOAK_FANOUT;
	uint64_t rest = 0, leaked, dead;
	int ret;

	settings_as_new(chan);
	if (!chan_balanced(name))
		soak_wrong("%s is not balanced at the end", name);
	if (STAT(name, INFLIGHT) && numbers)
		soak_wrong("%s: nobody is left, and messages are inflight", name);
	if (numbers) {
		rest = take_rest(chan);
		dead = count_dead(chan);
		if (dead != STAT(name, DEAD))
			soak_wrong("%s: %llu dead are shown", name,
				   (unsigned long long)dead);
		account(chan, rest);
	}
	ret = nl_do(WEIR_CMD_CHANNEL_PURGE, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
	if (ret)
		soak_wrong("purge: %s", nl_last.text);
	if (!chan_balanced(name))
		soak_wrong("%s is not balanced after its purge", name);
	leaked = count_leaks(name);
	if (leaked)
		soak_wrong("%s: %llu blocks are not back", name,
			   (unsigned long long)leaked);
	total->leaked += leaked;
	ret = chan_del(name, false);
	if (ret)
		soak_wrong("%s: delete: %s", name, nl_last.text);
}

/* Of deleted channels only what was acked is known; the rest went with them. */
static void count_gone(void)
{
	uint64_t last = soak->next < SOAK_ROOM ? soak->next : SOAK_ROOM, i;
	const struct soak_entry *e;

	for (i = 0; i < last; i++) {
		e = &soak->entry[i];
		if (e->gen != soak->chan[e->chan].gen && e->sent == PUBLISHED)
			total->gone += !e->acked;
		if (e->acked > 1)
			soak_wrong("message %llu was acked %u times",
				   (unsigned long long)i, e->acked);
		total->messages += e->sent == PUBLISHED;
	}
}

/* ---- a round ---- */

static void stop_all(unsigned int slots, pid_t ctl)
{
	int status;
	unsigned int i;

	for (i = 0; i < slots; i++)
		begin_to_kill(&soak->slot[i], SIGKILL);
	for (i = 0; i < slots; i++)
		wait_for(&soak->slot[i]);
	__atomic_store_n(&soak->stop, 1, __ATOMIC_RELEASE);
	if (waitpid(ctl, &status, 0) != ctl || status)
		soak_wrong("who changes the channels ended with %#x", status);
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		kill(-1, SIGKILL);	/* all of this namespace but us */
		breathe();
	}
	close(soak->pair[0]);
	close(soak->pair[1]);
}

static void begin(const char *cgroup)
{
	static const enum soak_kind kinds[SOAK_CHANS] = {
		SOAK_STRICT, SOAK_STRICT, SOAK_ROUGH, SOAK_MORTAL, SOAK_FANOUT,
	};
	static unsigned int round;
	uint32_t i;
	int ret;

	snprintf(soak->cgroup, sizeof(soak->cgroup), "%s", cgroup);
	for (i = 0; i < SOAK_CHANS; i++) {
		soak->chan[i].kind = kinds[i];
		snprintf(soak->chan[i].name, CHAN_ROOM, "soak-%d-%u-%u", getppid(),
			 round, i);
		ret = soak_make(i);
		if (ret)
			soak_wrong("channel-new: %s (%s)", strerror(-ret), nl_last.text);
	}
	round++;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, soak->pair))
		soak_wrong("socketpair: %s", strerror(errno));
}

/* In the process namespace, as its first process. */
static void play(unsigned int slots, unsigned int kills, const char *cgroup, uint64_t seed)
{
	unsigned int i;
	uint32_t chan;
	pid_t ctl;

	setpriority(PRIO_PROCESS, 0, -10);
	begin(cgroup);
	ctl = fork();
	if (!ctl)
		soak_ctl(chance(&seed));
	for (i = 0; i < slots; i++)
		spawn(&soak->slot[i], &seed);
	fire(slots, kills, &seed);
	printf("# %.1f s until %llu are killed\n", (now_ns() - begun) / 1e9,
	       (unsigned long long)total->kills);
	stop_all(slots, ctl);
	for (chan = 0; chan < SOAK_CHANS; chan++)
		close_books(chan);
	count_gone();
	fflush(stdout);
	_exit(0);
}

static void show_counts(void)
{
	printf("# %.0f s:", (now_ns() - begun) / 1e9);
#define X(what) printf(" " #what " %llu", (unsigned long long)soak->what);
	SOAK_COUNTS(X)
#undef X
	printf("\n");
}

/* What never happened was not tried. */
static void check_counts(void)
{
#define X(what) if (!soak->what && strcmp(#what, "direct"))		\
		soak_wrong("%s: never", #what);
	SOAK_COUNTS(X)
#undef X
}

static bool play_round(unsigned int slots, unsigned int kills, const char *cgroup,
		       uint64_t seed)
{
	uint64_t before = total->kills;
	int status;
	pid_t pid;

	begun = now_ns();
	soak = mmap(NULL, sizeof(*soak), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (soak == MAP_FAILED)
		return false;
	fflush(stdout);
	pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid < 0)
		soak_wrong("no process namespace: %s", strerror(errno));
	if (!pid)
		play(slots, kills, cgroup, seed);
	if (waitpid(pid, &status, 0) != pid || status)
		soak_wrong("the round ended with %#x", status);
	if (total->kills - before >= MANY)
		check_counts();
	show_counts();
	total->errors += soak->errors;
	if (soak->errors)
		printf("# %u errors, the first: %s\n", soak->errors, soak->error);
	munmap(soak, sizeof(*soak));
	return !total->errors;
}

/* ---- the surroundings ---- */

static void set_core_pattern(const char *text)
{
	put_text("/proc/sys/kernel", "core_pattern", text);
}

static char *get_core_pattern(void)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen("/proc/sys/kernel/core_pattern", "re");

	if (f && getline(&line, &room, f) < 0)
		line[0] = 0;
	if (f)
		fclose(f);
	return line;
}

static long module_users(void)
{
	return get_key("/sys/module/weir", "refcnt", NULL);
}

static bool is_slow(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* What the channels were charged has to be given back, but for the stocks. */
static bool charge_is_flat(const char *cgroup)
{
	return !cgroup[0] ||
	       WAIT_FOR(get_key(cgroup, "memory.current", NULL) <= STOCK);
}

static bool run_rounds(uint64_t minutes, const char *cgroup)
{
	uint64_t seed = seed_from_env(), end = now_ns() + minutes * 60 * SECOND;
	bool slow = is_slow();
	bool good;

	do {
		printf("# round with seed %#llx\n", (unsigned long long)seed);
		good = play_round(slow ? 25 : 120, slow ? 100 : MANY, cgroup,
				  chance(&seed));
		if (!charge_is_flat(cgroup)) {
			printf("# %ld bytes stay charged\n",
			       get_key(cgroup, "memory.current", NULL));
			good = false;
		}
		if (minutes)
			printf("# so far %llu kills, %llu messages\n",
			       (unsigned long long)total->kills,
			       (unsigned long long)total->messages);
	} while (good && minutes && now_ns() < end);
	return good;
}

static void say_totals(void)
{
	printf("# %llu dead, %llu gone with channels, %llu known from counters only\n",
	       (unsigned long long)total->dead, (unsigned long long)total->gone,
	       (unsigned long long)total->unsure);
	printf("kills %llu messages %llu lost %llu leaked %llu\n",
	       (unsigned long long)total->kills, (unsigned long long)total->messages,
	       (unsigned long long)total->lost, (unsigned long long)total->leaked);
}

int main(int argc, char **argv)
{
	uint64_t minutes = argc == 3 && !strcmp(argv[1], "--minutes") ?
			   strtoull(argv[2], NULL, 10) : 0;
	long users = module_users();
	char cgroup[64] = "";
	bool good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (users < 0) {
		printf("1..0 # SKIP the module is not loaded\n");
		return 4;
	}
	total = mmap(NULL, sizeof(*total), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (total == MAP_FAILED || cgroup_make(cgroup, "max"))
		cgroup[0] = 0;
	core_pattern = get_core_pattern();
	set_core_pattern("/tmp/weir-soak.core");
	printf("1..1\n");
	good = run_rounds(minutes, cgroup);
	set_core_pattern(core_pattern ?: "core");
	unlink("/tmp/weir-soak.core");
	if (cgroup[0] && !cgroup_end(cgroup))
		good = false;
	if (!WAIT_FOR(module_users() == users)) {
		printf("# the module has %ld users, %ld before\n", module_users(), users);
		good = false;
	}
	printf("%s 1 - every_message_is_in_one_place_whoever_is_killed\n",
	       good ? "ok" : "not ok");
	say_totals();
	return good ? 0 : 1;
}
