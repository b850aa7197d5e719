// SPDX-License-Identifier: GPL-2.0-only
/* What workers say: ack, fail, release, reject. */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/weir_netlink.h>

#include "lib_bed.h"

PLAIN_CHANNEL

TEST_F(plain, failed_message_comes_again_and_counts)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(-EINVAL, weir_fail(w, &m, 86400001));
	EXPECT_NE(NULL, strstr(weir_error(w), "86400001"));
	EXPECT_EQ(0, weir_fail(w, &m, 1));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(2, m.attempts);
	EXPECT_EQ(WEIR_MSG_REDELIVERED, m.flags);
	EXPECT_TRUE(is_text(&m, "x"));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, released_message_comes_again_uncounted)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(-EINVAL, weir_release(w, &m, 86400001));
	EXPECT_EQ(0, weir_release(w, &m, 0));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(1, m.attempts);
	EXPECT_EQ(WEIR_MSG_REDELIVERED, m.flags);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

static bool back_again(const char *name)
{
	struct weir *w = worker(name);
	struct weir_msg m;
	int n = w ? weir_recv(w, &m, PATIENCE_MS) : -1;
	bool good = n == 1 && is_text(&m, "x") && m.attempts == 2 && !weir_ack(w, &m) &&
		    !weir_flush(w, PATIENCE_MS);

	weir_close(w);
	return good;
}

TEST_F(plain, more_time_is_asked_for)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;
	char command[128];

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(-EINVAL, weir_extend(w, &m, 86400001));
	EXPECT_EQ(-EPERM, weir_extend(s, &m, 0));
	/* Nothing to extend where nothing is limited, and nothing wrong with it. */
	EXPECT_EQ(0, weir_extend(w, &m, 0));
	EXPECT_EQ(0, weir_flush(w, 0));
	snprintf(command, sizeof(command), "weirctl channel set %s ack-timeout 200ms", self->name);
	ASSERT_EQ(0, system(command));
	EXPECT_TRUE(back_again(self->name));
	EXPECT_EQ(0, weir_extend(w, &m, 1000));
	EXPECT_EQ(-ESTALE, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, late_answer_is_told_once)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(-ESTALE, weir_flush(w, 0));
	EXPECT_NE(NULL, strstr(weir_error(w), "1 answers came too late"));
	EXPECT_EQ(0, weir_flush(w, 0));
	weir_close(w);
	weir_close(s);
}

CHANNEL(twice, .max_attempts = 2, .flags = WEIR_CHANNEL_BACKOFF)

TEST_F(twice, attempts_used_up_is_dead)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_outcome out;
	struct weir_msg m;
	int i;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(i, m.attempts);
		EXPECT_EQ(0, weir_fail(w, &m, 0));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, &out));
	EXPECT_EQ(1, out.dead);
	weir_close(w);
	weir_close(s);
}

/* The reason text of a dead message, by netlink; "" if there is none. */
static int reason_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == WEIR_A_MESSAGE_REASON_TEXT)
			strcpy(data, mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static struct nlmsghdr *request(char *buf, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

static int transact(struct mnl_socket *nl, struct nlmsghdr *nlh, char *buf,
		    size_t len, mnl_cb_t cb, void *data)
{
	ssize_t n;
	int rc;

	mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	do {
		n = mnl_socket_recvfrom(nl, buf, len);
		rc = mnl_cb_run(buf, n < 0 ? 0 : n, 0, 0, cb, data);
	} while (rc > MNL_CB_STOP);
	return rc < 0 ? -errno : 0;
}

static int reason_of(const char *name, uint64_t id, char *text)
{
	static char buf[16384];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	uint16_t family = 0;
	struct nlmsghdr *nlh;
	int rc;

	text[0] = 0;
	mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);
	nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
	transact(nl, nlh, buf, sizeof(buf), family_cb, &family);
	nlh = request(buf, family, WEIR_CMD_MESSAGE_GET);
	mnl_attr_put_strz(nlh, WEIR_A_MESSAGE_CHANNEL, name);
	mnl_attr_put_u64(nlh, WEIR_A_MESSAGE_ID, id);
	rc = transact(nl, nlh, buf, sizeof(buf), reason_cb, text);
	mnl_socket_close(nl);
	return rc;
}

/* What must be left of @why: whole characters in at most @max bytes. */
static void expected_reason(char *to, const char *why, size_t max)
{
	size_t len = strlen(why);

	if (len > max)
		for (len = max; (why[len] & 0xc0) == 0x80; len--)
			;
	memcpy(to, why, len);
	to[len] = 0;
}

TEST_F(plain, reject_keeps_the_reason)
{
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_WORK };
	static const uint32_t rings[] = { 1, 2, 4, 8, 256 };
	static const size_t lens[] = {
		0, 1, 51, 52, 53, 115, 116, 117, 179, 180, 181, 243, 244, 245,
		246, 247, 500,
	};
	struct weir *s = sender(self->name), *w;
	char why[512], text[512], expect[512];
	size_t i, j, k, max;
	struct weir_msg m;

	ASSERT_TRUE(s);
	for (i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		o.sq_entries = rings[i];
		ASSERT_EQ(0, weir_open(&w, self->name, &o));
		max = 52 + 64 * (rings[i] < 4 ? rings[i] - 1 : 3);
		for (j = 0; j < sizeof(lens) / sizeof(lens[0]); j++) {
			/* Two-byte characters, at even or odd places. */
			memset(why, 0, sizeof(why));
			for (k = lens[j] & 1; k + 1 < lens[j]; k += 2)
				memcpy(why + k, k % 10 ? "ä" : "é", 2);
			if (lens[j] & 1)
				why[0] = 'x';
			ASSERT_EQ(0, send_text(s, "x"));
			ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
			ASSERT_EQ(0, weir_reject(w, &m, why));
			ASSERT_EQ(0, weir_flush(w, PATIENCE_MS));
			ASSERT_EQ(0, reason_of(self->name, m.seq, text));
			expected_reason(expect, why, max);
			EXPECT_STREQ(expect, text) {
				TH_LOG("ring %u, %zu bytes", rings[i], lens[j]);
			}
		}
		weir_close(w);
	}
	w = worker(self->name);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_reject(w, &m, NULL));
	EXPECT_EQ(0, weir_flush(w, PATIENCE_MS));
	ASSERT_EQ(0, reason_of(self->name, m.seq, text));
	EXPECT_STREQ("", text);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, answers_of_all_kinds_mix)
{
	enum { NR = 120 };
	struct weir *s = sender(self->name), *w = worker(self->name);
	int again[NR] = { 0 }, rc;
	struct weir_outcome out;
	struct weir_msg m;
	uint32_t i;

	ASSERT_TRUE(s && w);
	for (i = 0; i < NR; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	/* Each message: 0 acked, 1 failed once, 2 released once, 3 rejected. */
	while (weir_settle(s, 0, &out) == -ETIME) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		i = *(const uint32_t *)m.data;
		if (i % 4 == 3)
			rc = weir_reject(w, &m, "odd");
		else if (i % 4 == 2 && !again[i]++)
			rc = weir_release(w, &m, i % 8);
		else if (i % 4 == 1 && !again[i]++)
			rc = weir_fail(w, &m, 1 + i % 8);
		else
			rc = weir_ack(w, &m);
		ASSERT_EQ(0, rc);
		ASSERT_EQ(0, weir_submit(w));
	}
	EXPECT_EQ(NR, out.accepted);
	EXPECT_EQ(NR / 4, out.dead);
	EXPECT_EQ(NR - NR / 4, out.acked);
	EXPECT_EQ(0, weir_flush(w, 0));
	weir_close(w);
	weir_close(s);
}

TEST_HARNESS_MAIN
