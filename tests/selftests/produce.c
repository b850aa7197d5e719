// SPDX-License-Identifier: GPL-2.0-only
/* BPF programs that send messages, and the sample bpf/exec_feed.bpf.c. */
#include <sched.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/perf_event.h>
#include <linux/userfaultfd.h>

#include "kselftest_harness.h"

#include "bed.h"
#include "bpfbed.h"
#include "bpf/produce.h"
#include "../../bpf/exec_feed.h"

#define RECORDS		64

static const char *const syscalls[] = { "send", "hold", NULL };

struct rig {
	struct bpf_object *o;
	struct order order;
	__u64 *tried, *sent, *lost;
};

/* Return: 0, or a negative errno with bpf_log. */
static int rig_open(struct rig *r, const char *channel, const char *const *programs)
{
	char *name;

	memset(r, 0, sizeof(*r));
	r->o = bpf_bed_open("produce");
	if (!r->o)
		return -errno;
	name = bpf_bed_var(r->o, "channel");
	if (!name)
		return -ENOENT;
	strcpy(name, channel);
	bpf_bed_only(r->o, programs);
	r->order = (struct order){ .size = sizeof(struct event), .len = sizeof(struct event) };
	return 0;
}

static int rig_load(struct rig *r)
{
	int err = bpf_object__load(r->o);

	r->tried = bpf_bed_var(r->o, "tried");
	r->sent = bpf_bed_var(r->o, "sent");
	r->lost = bpf_bed_var(r->o, "lost");
	return err;
}

static int rig_new(struct rig *r, const char *channel, const char *const *programs)
{
	return rig_open(r, channel, programs) ?: rig_load(r);
}

static void rig_close(struct rig *r)
{
	bpf_object__close(r->o);
}

/* Runs a program of type syscall with the order. Return: what it returned. */
static int rig_run(struct rig *r, const char *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &r->order,
		    .ctx_size_in = sizeof(r->order));
	int err = bpf_prog_test_run_opts(bpf_bed_prog(r->o, program), &opts);

	return err ?: (int)opts.retval;
}

static int rig_send(struct rig *r, __u32 nr)
{
	r->order.nr = nr;
	return rig_run(r, "send");
}

/* Has everything that was committed been accepted or refused? */
static bool settled(const char *name)
{
	return !STAT(name, FEED_TAKEN);
}

static __u64 submitted(const char *name)
{
	return STAT(name, FED) + STAT(name, FED_REFUSED);
}

#define ASSERT_RIG(expr) ASSERT_EQ(0, (expr)) TH_LOG("%s", bpf_log)

/* Whether there are programs to be loaded; without clang they are not built. */
static bool built(void)
{
	struct bpf_object *o = bpf_bed_open("produce");

	bpf_object__close(o);
	return o;
}

#define NOT_BUILT	"no build/bpf/produce.bpf.o"

CHANNEL_FIXTURE(produce, A_U32(WEIR_A_CHANNEL_FEED, RECORDS),
		A_U32(WEIR_A_CHANNEL_PRIORITIES, 4),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 1024),
		A_U32(WEIR_A_CHANNEL_OVERFLOW, WEIR_OVERFLOW_ERROR))

/* ---- single records ---- */

TEST_F(produce, what_is_committed_arrives_in_order)
{
	struct weir_cqe cqe;
	struct event ev;
	struct rig rig;
	struct raw w;
	__u64 i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, rig_send(&rig, 20));
	EXPECT_EQ(20, rig.sent[FROM_SYSCALL]);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(sizeof(ev), cqe.len);
		memcpy(&ev, w.ro + cqe.addr, sizeof(ev));
		EXPECT_EQ(i, ev.nr);
		EXPECT_EQ(FROM_SYSCALL, ev.from);
		EXPECT_EQ(0, cqe.src);
		/* It cannot be written to by who reads it. */
		EXPECT_NE(0, touch_write(w.ro + cqe.addr, 1));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(20, STAT(self->name, FED));
	EXPECT_EQ(20, STAT(self->name, ACKED));
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	raw_close(&w);
	rig_close(&rig);
}

TEST_F(produce, a_message_has_what_it_was_labelled_with)
{
	struct weir_cqe cqe;
	struct rig rig;
	struct raw w;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	rig.order.key = 77;
	rig.order.prio = 2;
	rig.order.mtype = 9;
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_EQ(0, rig.order.label);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(77, cqe.key);
	EXPECT_EQ(2, cqe.prio);
	EXPECT_EQ(9, cqe.mtype);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	/* What the channel does not have is its least urgent. */
	rig.order.prio = 7;
	ASSERT_EQ(0, rig_send(&rig, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(3, cqe.prio);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	rig.order.prio = 8;
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_EQ(-EINVAL, rig.order.label);
	rig.order.prio = 0;
	rig.order.mtype = 65536;
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_EQ(-EINVAL, rig.order.label);
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 4));
	raw_close(&w);
	rig_close(&rig);
}

TEST_F(produce, discarded_records_come_back)
{
	struct rig rig;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	rig.order.discard = 1;
	/* More than there are: each is used again at once. */
	ASSERT_EQ(0, rig_send(&rig, 10 * RECORDS));
	EXPECT_EQ(0, rig.lost[FROM_SYSCALL]);
	EXPECT_EQ(0, STAT(self->name, FEED_TAKEN));
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	rig_close(&rig);
}

TEST_F(produce, a_wrong_length_is_refused_and_discarded)
{
	static const __u32 lens[] = { 0, sizeof(struct event) + 1, ~0U };
	struct rig rig;
	size_t i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		rig.order.len = lens[i];
		ASSERT_EQ(0, rig_send(&rig, 1));
		EXPECT_EQ(-EMSGSIZE, rig.order.commit) TH_LOG("%u", lens[i]);
	}
	EXPECT_EQ(0, STAT(self->name, FEED_TAKEN));
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	/* What is asked for may be anything from 1 to feed-size. */
	rig.order.len = 1;
	rig.order.size = 256;
	ASSERT_EQ(0, rig_send(&rig, 1));
	rig.order.size = 1;
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	rig.order.size = 257;
	ASSERT_EQ(0, rig_send(&rig, 1));
	rig.order.size = 0;
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_EQ(2, STAT(self->name, FEED_MISSED));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 2));
	rig_close(&rig);
}

TEST_F(produce, without_a_feed_or_a_channel_there_is_no_record)
{
	struct rig rig;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, "no-such-channel", syscalls));
	ASSERT_EQ(0, rig_send(&rig, 3));
	EXPECT_EQ(3, rig.lost[FROM_SYSCALL]);
	rig_close(&rig);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 0))));
	ASSERT_EQ(0, rig_send(&rig, 3));
	EXPECT_EQ(3, rig.lost[FROM_SYSCALL]);
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 1))));
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 1));
	rig_close(&rig);
}

/* ---- limits ---- */

TEST_F(produce, a_full_channel_refuses_and_counts)
{
	struct rig rig;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 4))));
	ASSERT_EQ(0, rig_send(&rig, 20));
	EXPECT_TRUE(WAIT_FOR(submitted(self->name) == 20));
	EXPECT_EQ(4, STAT(self->name, FED));
	EXPECT_EQ(4, STAT(self->name, READY));
	EXPECT_EQ(16, STAT(self->name, FED_REFUSED));
	EXPECT_EQ(16, STAT(self->name, REFUSED));
	EXPECT_EQ(16, STAT(self->name, REFUSED_FULL));
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	/* Nobody can wait, so to block is to refuse. */
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
						      WEIR_OVERFLOW_BLOCK))));
	ASSERT_EQ(0, rig_send(&rig, 5));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED_REFUSED) == 21));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
						      WEIR_OVERFLOW_DROP_NEW))));
	ASSERT_EQ(0, rig_send(&rig, 5));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 9));
	EXPECT_EQ(5, STAT(self->name, DROPPED_NEW));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
						      WEIR_OVERFLOW_DROP_OLD))));
	ASSERT_EQ(0, rig_send(&rig, 5));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 14));
	EXPECT_EQ(5, STAT(self->name, DROPPED_OLD));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						      WEIR_CHANNEL_STATE_DRAINING))));
	ASSERT_EQ(0, rig_send(&rig, 5));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED_REFUSED) == 26));
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
	EXPECT_TRUE(chan_balanced(self->name));
	rig_close(&rig);
}

TEST_F(produce, a_burst_beyond_the_stock_is_counted)
{
	__u64 lost;
	struct rig rig;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, rig_send(&rig, 50 * RECORDS));
	lost = rig.lost[FROM_SYSCALL];
	EXPECT_EQ(50 * RECORDS, rig.sent[FROM_SYSCALL] + lost);
	EXPECT_GE(rig.sent[FROM_SYSCALL], RECORDS);
	EXPECT_TRUE(WAIT_FOR(submitted(self->name) == rig.sent[FROM_SYSCALL]));
	EXPECT_EQ(lost, STAT(self->name, FEED_MISSED));
	EXPECT_EQ(rig.sent[FROM_SYSCALL], STAT(self->name, ACCEPTED));
	rig_close(&rig);
}

/* Two blocks of 64 KiB: one is all in the stock, the other in messages. */
CHANNEL_FIXTURE(tight, A_U32(WEIR_A_CHANNEL_FEED, 256),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 1024),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 131072),
		A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 256))

TEST_F(tight, without_memory_events_are_lost_until_there_is_some)
{
	struct weir_cqe cqe;
	struct rig rig;
	struct raw w;
	__u64 i, nr;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	while (!rig.lost[FROM_SYSCALL]) {
		ASSERT_EQ(0, rig_send(&rig, 64));
		ASSERT_TRUE(WAIT_FOR(submitted(self->name) == rig.sent[FROM_SYSCALL]));
	}
	/* All buffers that there are: never more, and not fewer for long. */
	while (rig.sent[FROM_SYSCALL] < 512) {
		ASSERT_EQ(0, rig_send(&rig, 1));
		ASSERT_GE(512, rig.sent[FROM_SYSCALL]);
		breathe();
	}
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, READY) == 512));
	EXPECT_EQ(rig.lost[FROM_SYSCALL], STAT(self->name, FEED_MISSED));
	EXPECT_EQ(131072, POOL(self->name, USED));
	/* They come back with the acks, and the next ones are sent. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 512; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	nr = rig.sent[FROM_SYSCALL];
	ASSERT_TRUE(WAIT_FOR(!rig_send(&rig, 1) && rig.sent[FROM_SYSCALL] > nr));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&w);
	rig_close(&rig);
}

TEST_F(tight, a_feed_that_does_not_fit_changes_nothing)
{
	struct rig rig;

	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 513))));
	EXPECT_NE(NULL, strstr(nl_last.text, "feed 513")) TH_LOG("%s", nl_last.text);
	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, rig_send(&rig, 100));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, FED) == 100));
	/* It would fit, but for the messages. */
	EXPECT_EQ(-ENOBUFS, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 500))));
	EXPECT_NE(NULL, strstr(nl_last.text, "feed 500")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(256, CHAN(self->name, FEED));
	ASSERT_EQ(0, rig_send(&rig, 1));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 101));
	rig_close(&rig);
}

/* ---- all kinds of programs ---- */

/* Takes messages until one of the kind came. Return: whether it did. */
static bool one_from(struct raw *w, __u64 from)
{
	struct weir_cqe cqe;
	struct event ev;

	do {
		if (raw_next(w, &cqe))
			return false;
		memcpy(&ev, w->ro + cqe.addr, sizeof(ev));
		raw_ack(w, cqe.token);
	} while (ev.from != from);
	return true;
}

static __u64 sent_from(const struct rig *r, __u64 from)
{
	return *(volatile __u64 *)&r->sent[from];
}

static int run_packet(struct rig *r, const char *program)
{
	unsigned char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	return bpf_prog_test_run_opts(bpf_bed_prog(r->o, program), &opts);
}

static void end_a_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static int perf_open(int cpu, __u64 hz)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = hz,
	};

	return syscall(__NR_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static struct bpf_link *perf_attach(struct rig *r, int cpu, __u64 hz)
{
	int fd = perf_open(cpu, hz);

	return fd < 0 ? NULL :
	       bpf_program__attach_perf_event(
			bpf_object__find_program_by_name(r->o, "from_perf"), fd);
}

TEST_F(produce, programs_of_all_these_types_send)
{
	static const struct {
		const char *program;
		__u64 from;
	} attached[] = {
		{ "from_raw_tp", FROM_RAW_TP },
		{ "from_tracepoint", FROM_TRACEPOINT },
		{ "from_kprobe", FROM_KPROBE },
		{ "from_fentry", FROM_FENTRY },
		{ "from_tp_btf", FROM_TP_BTF },
	};
	static const char *const all[] = {
		"from_raw_tp", "from_tp_btf", "from_tracepoint", "from_kprobe",
		"from_fentry", "from_perf", "from_xdp", "from_tc", NULL
	};
	struct bpf_link *link;
	struct rig rig;
	struct raw w;
	size_t i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_RIG(rig_open(&rig, self->name, all));
	*(__u32 *)bpf_bed_var(rig.o, "only_pid") = getpid();
	ASSERT_RIG(rig_load(&rig));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < ARRAY_SIZE(attached); i++) {
		link = bpf_bed_attach(rig.o, attached[i].program);
		ASSERT_NE(NULL, link) TH_LOG("%s: %s", attached[i].program, bpf_log);
		/* An event amid another of its kind is let go. */
		ASSERT_TRUE(WAIT_FOR((end_a_process(), sent_from(&rig, attached[i].from))))
			TH_LOG("%s", attached[i].program);
		EXPECT_TRUE(one_from(&w, attached[i].from))
			TH_LOG("%s", attached[i].program);
		bpf_link__destroy(link);
	}
	link = perf_attach(&rig, 0, 100);
	ASSERT_NE(NULL, link) TH_LOG("%s", bpf_log);
	EXPECT_TRUE(one_from(&w, FROM_PERF));
	bpf_link__destroy(link);
	EXPECT_TRUE(WAIT_FOR(run_packet(&rig, "from_xdp") == 0 &&
			     sent_from(&rig, FROM_XDP)));
	EXPECT_TRUE(one_from(&w, FROM_XDP));
	EXPECT_TRUE(WAIT_FOR(run_packet(&rig, "from_tc") == 0 &&
			     sent_from(&rig, FROM_TC)));
	EXPECT_TRUE(one_from(&w, FROM_TC));
	raw_close(&w);
	rig_close(&rig);
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
}

/* ---- the verifier ---- */

static const struct {
	const char *program;
	const char *words;
	const char *later;	/* what newer kernels say, if it is something else */
} refusals[] = {
	{ "forgets_to_commit", "Unreleased reference", NULL },
	{ "forgets_on_one_way", "Unreleased reference", NULL },
	{ "writes_beyond", "mem_size=64 off=64 size=1", NULL },
	{ "writes_after_commit", "invalid mem access 'scalar'", NULL },
	{ "commits_twice", "must point to scalar", "bpf_weir_commit expects referenced" },
	{ "takes_it_for_granted", "NULL pointer passed to trusted", NULL },
	{ "takes_data_for_granted", "invalid mem access 'mem_or_null'", NULL },
	{ "has_no_constant_size", "const", NULL },
	{ "writes_to_the_record", "only read is supported", NULL },
	{ "makes_up_a_name", "const string", NULL },
	{ "is_of_a_wrong_type", "calling kernel function bpf_weir_reserve is not allowed", NULL },
};

TEST(the_verifier_refuses)
{
	struct bpf_object *o;
	size_t i;

	if (!built())
		SKIP(return, NOT_BUILT);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		const char *const only[] = { refusals[i].program, NULL };

		o = bpf_bed_open("produce_bad");
		ASSERT_NE(NULL, o);
		ASSERT_EQ(1, bpf_bed_only(o, only)) TH_LOG("%s", refusals[i].program);
		EXPECT_GT(0, bpf_object__load(o)) TH_LOG("%s", refusals[i].program);
		EXPECT_TRUE(strstr(bpf_log, refusals[i].words) ||
			    (refusals[i].later && strstr(bpf_log, refusals[i].later)))
			TH_LOG("%s: %s", refusals[i].program, bpf_log);
		bpf_object__close(o);
	}
}

/* ---- the sample ---- */

#define EXECS	8

struct sample {
	struct bpf_object *o;
	struct bpf_link *link;
	char path[64];
	pid_t pid[EXECS];
};

static int sample_start(struct sample *s, const char *channel)
{
	char *name;

	snprintf(s->path, sizeof(s->path), "/tmp/test-produce-%d", getpid());
	unlink(s->path);
	if (symlink("/bin/true", s->path))
		return -errno;
	s->o = bpf_bed_open("exec_feed");
	name = s->o ? bpf_bed_var(s->o, "channel") : NULL;
	if (!name)
		return -ENOENT;
	strcpy(name, channel);
	if (bpf_bed_load(s->o, NULL))
		return -EINVAL;
	s->link = bpf_bed_attach(s->o, "exec_feed");
	return s->link ? 0 : -errno;
}

static int sample_exec(struct sample *s, int i)
{
	int status;

	s->pid[i] = fork();
	if (!s->pid[i]) {
		execl(s->path, s->path, NULL);
		_exit(1);
	}
	return waitpid(s->pid[i], &status, 0) == s->pid[i] ? status : -1;
}

static void sample_end(struct sample *s)
{
	bpf_link__destroy(s->link);
	bpf_object__close(s->o);
	unlink(s->path);
}

/* The next message about an exec of ours, to be answered; others are acked. */
static int sample_next(struct sample *s, struct raw *w, struct weir_cqe *cqe,
		       struct exec_event *ev)
{
	int err;

	while (!(err = raw_next(w, cqe))) {
		if (cqe->len > sizeof(*ev))
			return -EMSGSIZE;
		memset(ev, 0, sizeof(*ev));
		memcpy(ev, w->ro + cqe->addr, cqe->len);
		if (!strcmp(ev->file, s->path))
			return 0;
		raw_ack(w, cqe->token);
	}
	return err;
}

TEST_F(produce, each_exec_is_a_message)
{
	struct exec_event ev;
	struct weir_cqe cqe;
	struct sample s;
	struct raw w;
	int i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED_SIZE,
						      sizeof(ev)))));
	ASSERT_EQ(0, sample_start(&s, self->name)) TH_LOG("%s", bpf_log);
	for (i = 0; i < EXECS; i++)
		ASSERT_EQ(0, sample_exec(&s, i));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < EXECS; i++) {
		ASSERT_EQ(0, sample_next(&s, &w, &cqe, &ev));
		EXPECT_EQ(s.pid[i], ev.pid);
		EXPECT_EQ(getuid(), ev.uid);
		EXPECT_EQ(offsetof(struct exec_event, file) + strlen(s.path) + 1, cqe.len);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, STAT(self->name, FEED_MISSED));
	sample_end(&s);
	ASSERT_TRUE(WAIT_FOR(settled(self->name)));
	/* Others may run programs as well. */
	ASSERT_LE(0, raw_work_off(&w));
	EXPECT_EQ(STAT(self->name, FED), STAT(self->name, ACKED));
	raw_close(&w);
}

TEST_F(produce, what_a_dead_worker_had_goes_to_another)
{
	struct exec_event ev;
	struct weir_cqe cqe;
	struct sample s;
	struct kid k;
	struct raw w;
	int i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED_SIZE,
						      sizeof(ev)))));
	ASSERT_EQ(0, sample_start(&s, self->name)) TH_LOG("%s", bpf_log);
	if (kid_fork(&k)) {
		if (raw_open(&w, self->name, RAW_WORK) ||
		    sample_next(&s, &w, &cqe, &ev))
			_exit(1);
		kid_say(&k, 'y');
		kid_hold(&k);
	}
	ASSERT_EQ(0, sample_exec(&s, 0));
	ASSERT_EQ('y', kid_hear(&k));
	for (i = 1; i < EXECS; i++)
		ASSERT_EQ(0, sample_exec(&s, i));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < EXECS; i++) {
		ASSERT_EQ(0, sample_next(&s, &w, &cqe, &ev));
		EXPECT_EQ(s.pid[i], ev.pid);
		EXPECT_EQ(i ? 1 : 2, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(1, STAT(self->name, CRASHED_SEEN));
	sample_end(&s);
	ASSERT_TRUE(WAIT_FOR(settled(self->name)));
	raw_close(&w);
}

/* ---- under fire ---- */

static const char *const hot[] = {
	"from_raw_tp", "from_tp_btf", "from_perf", "from_locked", "send", NULL
};

struct fire {
	struct rig rig;
	struct bpf_link *link[16];
	int nr;
	pthread_t thread;
	volatile bool stop;
};

/* A system call after the other, each an event of the raw tracepoint. */
static void *call(void *arg)
{
	struct fire *f = arg;

	while (!f->stop)
		syscall(__NR_getppid);
	return NULL;
}

static int fire_start(struct fire *f, const char *channel)
{
	long cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	memset(f, 0, sizeof(*f));
	if (rig_open(&f->rig, channel, hot))
		return -ENOENT;
	*(__u32 *)bpf_bed_var(f->rig.o, "only_pid") = getpid();
	if (rig_load(&f->rig))
		return -EINVAL;
	for (cpu = 0; cpu < cpus && f->nr < 12; cpu++) {
		f->link[f->nr] = perf_attach(&f->rig, cpu, 4000);
		if (!f->link[f->nr++])
			return -EIO;
	}
	f->link[f->nr++] = bpf_bed_attach(f->rig.o, "from_locked");
	f->link[f->nr++] = bpf_bed_attach(f->rig.o, "from_tp_btf");
	f->link[f->nr++] = bpf_bed_attach(f->rig.o, "from_raw_tp");
	if (!f->link[f->nr - 1] || !f->link[f->nr - 2] || !f->link[f->nr - 3])
		return -EIO;
	return -pthread_create(&f->thread, NULL, call, f);
}

static void fire_end(struct fire *f)
{
	f->stop = true;
	pthread_join(f->thread, NULL);
	while (f->nr--)
		bpf_link__destroy(f->link[f->nr]);
}

static __u64 sum(const __u64 *of)
{
	__u64 n = 0;
	int i;

	for (i = 0; i < FROM_NR; i++)
		n += *(volatile const __u64 *)&of[i];
	return n;
}

/* Until messages of each of these kinds came. Return: whether they did. */
static bool all_kinds(struct raw *w)
{
	__u64 kinds = 1 << FROM_RAW_TP | 1 << FROM_TP_BTF | 1 << FROM_PERF |
		      1 << FROM_LOCKED;
	struct weir_cqe cqe;
	struct event ev;

	while (kinds) {
		if (raw_next(w, &cqe))
			return false;
		memcpy(&ev, w->ro + cqe.addr, sizeof(ev));
		kinds &= ~(1 << ev.from);
		raw_ack(w, cqe.token);
	}
	return true;
}

/*
 * Each message is an event again, in the engine's lock; interrupts and the
 * scheduler come on top. Nothing hangs, and every event is accounted for.
 */
TEST_F(produce, in_any_context_at_any_rate)
{
	struct fire f;
	struct raw w;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, fire_start(&f, self->name)) TH_LOG("%s", bpf_log);
	EXPECT_TRUE(all_kinds(&w));
	fire_end(&f);
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
	EXPECT_EQ(sum(f.rig.tried), sum(f.rig.sent) + sum(f.rig.lost));
	EXPECT_EQ(sum(f.rig.sent), submitted(self->name));
	EXPECT_EQ(sum(f.rig.lost), STAT(self->name, FEED_MISSED));
	EXPECT_EQ(STAT(self->name, ACCEPTED), STAT(self->name, FED));
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&w);
	rig_close(&f.rig);
}

TEST_F(produce, the_feed_changes_under_fire)
{
	static const struct {
		__u32 nr, size;
	} feeds[] = {
		{ 0, 256 }, { 1, 256 }, { 300, 1000 }, { 64, 65536 }, { 65, 16 }, { 0, 16 },
		{ 4096, 16 },
	};
	struct fire f;
	struct raw w;
	size_t i;
	__u64 n;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, fire_start(&f, self->name)) TH_LOG("%s", bpf_log);
	for (i = 0; i < 2 * ARRAY_SIZE(feeds); i++) {
		/* What is on its way still has memory of the last one. */
		ASSERT_TRUE(WAIT_FOR(chan_set(self->name, ATTRS(
				A_U32(WEIR_A_CHANNEL_FEED, feeds[i % 7].nr),
				A_U32(WEIR_A_CHANNEL_FEED_SIZE, feeds[i % 7].size))) != -ENOBUFS));
		ASSERT_EQ(feeds[i % 7].nr, CHAN(self->name, FEED)) TH_LOG("%s", nl_last.text);
		n = sum(f.rig.tried);
		EXPECT_TRUE(WAIT_FOR(sum(f.rig.tried) > n + 100));
		/* With one record only one event at a time gets through. */
		EXPECT_TRUE(feeds[i % 7].nr ? one_from(&w, FROM_RAW_TP) :
			    raw_work_off(&w) >= 0);
	}
	fire_end(&f);
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
	EXPECT_TRUE(WAIT_FOR(sum(f.rig.sent) == submitted(self->name)));
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&w);
	rig_close(&f.rig);
}

TEST_F(produce, the_channel_goes_and_comes_under_fire)
{
	struct nl_attr attrs[] = {
		A_STR(WEIR_A_CHANNEL_NAME, self->name), A_U32(WEIR_A_CHANNEL_FEED, RECORDS),
		A_END,
	};
	struct fire f;
	struct raw w;
	__u64 n;
	int i;

	if (!built())
		SKIP(return, NOT_BUILT);
	ASSERT_EQ(0, fire_start(&f, self->name)) TH_LOG("%s", bpf_log);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		EXPECT_TRUE(one_from(&w, FROM_RAW_TP));
		ASSERT_EQ(0, chan_del(self->name, true));
		raw_close(&w);
		n = sum(f.rig.lost);
		EXPECT_TRUE(WAIT_FOR(sum(f.rig.lost) > n));
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_NEW, attrs)) TH_LOG("%s", nl_last.text);
	}
	fire_end(&f);
	EXPECT_TRUE(WAIT_FOR(settled(self->name)));
	rig_close(&f.rig);
}

/* ---- a program that takes its time ---- */

/**
 * struct holder - a program that has a record, and sleeps
 * @page: which it wants to read. @uffd: who is told of that.
 */
struct holder {
	struct rig rig;
	pthread_t thread;
	int ret;
	int uffd;
	void *page;
};

static void *hold(void *arg)
{
	struct holder *h = arg;

	h->ret = rig_run(&h->rig, "hold");
	return NULL;
}

/* A page that is not there until holder_end(). */
static int missing_page(struct holder *h)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.len = 4096,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	h->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->uffd < 0)
		return -errno;
	h->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)h->page;
	if (h->page == MAP_FAILED || ioctl(h->uffd, UFFDIO_API, &api) ||
	    ioctl(h->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

/* Return: 0 once it sleeps with the record; -ENOSYS this kernel cannot. */
static int holder_start(struct holder *h, const char *channel, bool discard)
{
	struct pollfd p = { .events = POLLIN };
	int err = missing_page(h) ?: rig_new(&h->rig, channel, syscalls);

	if (err)
		return err;
	h->rig.order.discard = discard;
	h->rig.order.user = (unsigned long)h->page;
	err = -pthread_create(&h->thread, NULL, hold, h);
	if (err)
		return err;
	p.fd = h->uffd;
	return poll(&p, 1, RAW_PATIENCE / MS) == 1 && p.revents == POLLIN ? 0 : -ETIME;
}

/* Return: what the program did. */
static int holder_end(struct holder *h)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (unsigned long)h->page, .len = 4096 },
	};
	int err = ioctl(h->uffd, UFFDIO_ZEROPAGE, &zero);

	if (err)
		return err;
	pthread_join(h->thread, NULL);
	rig_close(&h->rig);
	munmap(h->page, 4096);
	close(h->uffd);
	return h->ret;
}

TEST_F(produce, a_record_outlives_its_channel)
{
	struct holder h[2];
	int i, err;

	if (!built())
		SKIP(return, NOT_BUILT);
	for (i = 0; i < 2; i++) {
		err = holder_start(&h[i], self->name, i);
		if (err == -ENOSYS)
			SKIP(return, "no userfaultfd");
		ASSERT_EQ(0, err) TH_LOG("%s", bpf_log);
		EXPECT_EQ(1, STAT(self->name, FEED_TAKEN));
		/* A record is no message: the channel is empty. */
		EXPECT_EQ(0, chan_del(self->name, i));
		EXPECT_EQ(-ENODEV, chan_del(self->name, true));
		EXPECT_EQ(0, holder_end(&h[i]));
		ASSERT_EQ(0, chan_new(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 2))));
	}
}

TEST_F(produce, a_record_outlives_its_feed)
{
	struct holder h;
	struct rig rig;
	int err;

	if (!built())
		SKIP(return, NOT_BUILT);
	err = holder_start(&h, self->name, false);
	if (err == -ENOSYS)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, err) TH_LOG("%s", bpf_log);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_FEED, 3))));
	/* The new one is whole. */
	ASSERT_RIG(rig_new(&rig, self->name, syscalls));
	ASSERT_EQ(0, rig_send(&rig, 3));
	EXPECT_EQ(3, rig.sent[FROM_SYSCALL]);
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 3));
	EXPECT_EQ(0, holder_end(&h));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, FED) == 4));
	rig_close(&rig);
}

TEST_HARNESS_MAIN
