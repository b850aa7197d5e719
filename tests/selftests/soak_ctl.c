// SPDX-License-Identifier: GPL-2.0-only
/* Changes channels while the soak uses them, and looks at their books. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "soak.h"

static const char *const policies[] = {
	"least-loaded", "least-inflight", "round-robin",
};

static uint32_t rnd(uint64_t *seed, uint32_t n)
{
	return chance(seed) % n;
}

static void check(const char *what, int ret)
{
	/* A reader of the table of channels may be interrupted; room may be gone. */
	if (ret < 0 && ret != -EINTR && ret != -ENOMEM)
		soak_wrong("%s: %s (%s)", what, strerror(-ret), nl_last.text);
}

/**
 * soak_make - create a channel as its kind wants it
 * @chan: which
 */
int soak_make(uint32_t chan)
{
	struct soak_chan *ch = &soak->chan[chan];
	struct nl_attr list[16] = {
		A_STR(WEIR_A_CHANNEL_NAME, ch->name),
		A_U32(WEIR_A_CHANNEL_MESSAGES, 4096),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 1),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MAX, 20),
		A_U32(WEIR_A_CHANNEL_DEAD_MAX, 1000000),
		A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 60000),
	};
	int n = 6;

	if (chan == 0)		/* the other one has its dead */
		list[n++] = (struct nl_attr)A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000);
	if (ch->kind == SOAK_ROUGH)
		list[n++] = (struct nl_attr)A_U32(WEIR_A_CHANNEL_OVERFLOW,
						  WEIR_OVERFLOW_DROP_OLD);
	if (ch->kind == SOAK_FANOUT)
		list[n++] = (struct nl_attr)A_U32(WEIR_A_CHANNEL_DELIVERY,
						  WEIR_DELIVERY_FANOUT);
	if (soak->cgroup[0])
		list[n++] = (struct nl_attr)A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP,
						  strrchr(soak->cgroup, '/'));
	return nl_do(WEIR_CMD_CHANNEL_NEW, list);
}

/* Settings that lose nothing. */
static void set_some(const char *name, uint64_t *seed)
{
	static const struct {
		int attr;
		uint32_t from, to;
	} tab[] = {
		{ WEIR_A_CHANNEL_INFLIGHT, 0, 40 },
		{ WEIR_A_CHANNEL_BATCH, 0, 64 },
		{ WEIR_A_CHANNEL_PRIORITY_BURST, 1, 50 },
		{ WEIR_A_CHANNEL_MESSAGES, 50, 5000 },
		{ WEIR_A_CHANNEL_SENDER_MAX, 5, 100 },
		{ WEIR_A_CHANNEL_ZEROCOPY, 0, 1 },
		{ WEIR_A_CHANNEL_WEIGHT_LOAD, 0, 1000 },
		{ WEIR_A_CHANNEL_LOAD_INTERVAL, 10, 500 },
		{ WEIR_A_CHANNEL_POOL_INTERVAL, 10, 300 },
		{ WEIR_A_CHANNEL_BACKOFF_MAX, 1, 20 },
	};
	uint32_t i = rnd(seed, sizeof(tab) / sizeof(*tab));
	uint32_t to = tab[i].from + rnd(seed, tab[i].to - tab[i].from + 1);

	check("set", chan_set(name, ATTRS(A_U32(tab[i].attr, to))));
	if (rnd(seed, 3) == 0)
		check("set linger", chan_set(name, ATTRS(A_U64(WEIR_A_CHANNEL_LINGER,
							       rnd(seed, 3) * MS))));
	soak_count(settings);
}

static void switch_policy(const char *name, uint64_t *seed)
{
	check("policy", chan_set(name, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY,
						   policies[rnd(seed, 3)]))));
	soak_count(policies);
}

static void state_for_a_moment(const char *name, uint32_t state)
{
	check("state", chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE, state))));
	breathe();
	breathe();
	check("run", chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						WEIR_CHANNEL_STATE_RUNNING))));
}

static void be_rough(struct soak_chan *ch, uint64_t *seed)
{
	switch (rnd(seed, 4)) {
	case 0:
		state_for_a_moment(ch->name, WEIR_CHANNEL_STATE_DRAINING);
		soak_count(drains);
		break;
	case 1:
		check("purge", nl_do(WEIR_CMD_CHANNEL_PURGE,
				     ATTRS(A_STR(WEIR_A_CHANNEL_NAME, ch->name),
					   A_U32(WEIR_A_CHANNEL_PURGE,
						 rnd(seed, 2) ? WEIR_MESSAGE_STATE_READY :
						 WEIR_MESSAGE_STATE_DEAD))));
		soak_count(purges);
		break;
	case 2:
		check("requeue", nl_do(WEIR_CMD_MESSAGE_REQUEUE,
				       ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, ch->name),
					     A_FLAG(WEIR_A_MESSAGE_ALL))));
		soak_count(requeues);
		break;
	case 3:
		check("overflow", chan_set(ch->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
								 rnd(seed, 4)))));
		break;
	}
}

/* Odd while it is gone, so that who attaches knows which one it got. */
static void make_anew(uint32_t chan)
{
	struct soak_chan *ch = &soak->chan[chan];

	__atomic_fetch_add(&ch->gen, 1, __ATOMIC_SEQ_CST);
	check("delete", chan_del(ch->name, true));
	check("create", soak_make(chan));
	__atomic_fetch_add(&ch->gen, 1, __ATOMIC_SEQ_CST);
	soak_count(recreated);
}

static void look(const char *name)
{
	if (!chan_balanced(name))
		soak_wrong("%s is not balanced", name);
	soak_count(balanced);
}

/**
 * soak_ctl - be the one who changes channels
 * @seed: of what it does
 */
void soak_ctl(uint64_t seed)
{
	struct soak_chan *ch;
	uint32_t chan;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, -10);
	seed |= 1;
	while (!__atomic_load_n(&soak->stop, __ATOMIC_ACQUIRE)) {
		chan = rnd(&seed, SOAK_CHANS);
		ch = &soak->chan[chan];
		switch (rnd(&seed, 8)) {
		case 0 ... 2:
			set_some(ch->name, &seed);
			break;
		case 3:
			switch_policy(ch->name, &seed);
			break;
		case 4:
			state_for_a_moment(ch->name, WEIR_CHANNEL_STATE_PAUSED);
			soak_count(pauses);
			break;
		case 5:
			look(ch->name);
			break;
		default:
			if (ch->kind == SOAK_ROUGH)
				be_rough(ch, &seed);
			else if (ch->kind == SOAK_MORTAL)
				make_anew(chan);
			break;
		}
		breathe();
		breathe();
		breathe();
	}
	_exit(0);
}
