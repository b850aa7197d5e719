// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients over netlink.
 */
#include "netlink.h"

#include "client.h"
#include "window.h"

#define CLIENT_SIZE	512	/* bytes of attributes, more than ever put */

struct entry {
	struct weir_client *c;
	bool notify;
	bool died;
};

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_CLIENT_PAD);
}

static int put_identity(struct sk_buff *skb, struct weir_client *c)
{
	char comm[TASK_COMM_LEN];
	struct pid *pid;
	u64 age = ktime_get_ns() - c->t_attach;
	int err;

	pid = weir_client_pid(c);
	weir_netlink_comm(pid, comm);
	err = nla_put_string(skb, WEIR_A_CLIENT_CHANNEL, c->ch->name) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_ID, c->ep.peer.id) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_PID, weir_netlink_pid(pid)) ?:
	      nla_put_string(skb, WEIR_A_CLIENT_COMM, comm) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_UID,
			  from_kuid_munged(current_user_ns(), c->uid)) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_ROLE, c->ep.peer.role) ?:
	      put_u64(skb, WEIR_A_CLIENT_AGE, age);
	put_pid(pid);
	return err;
}

static int put_counts(struct sk_buff *skb, struct weir_client *c)
{
	struct weir_peer *p = &c->ep.peer;
	struct weir_engine *e = p->eng;
	int err;

	spin_lock_bh(&e->lock);
	err = nla_put_u32(skb, WEIR_A_CLIENT_INFLIGHT, p->tags.used) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_INFLIGHT_LIMIT, p->limit) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_LOAD, p->load) ?:
	      nla_put_u32(skb, WEIR_A_CLIENT_IDLE,
			  !p->tags.used && weir_peer_works(p)) ?:
	      put_u64(skb, WEIR_A_CLIENT_DELIVERED, p->delivered) ?:
	      put_u64(skb, WEIR_A_CLIENT_ACKED, p->acked) ?:
	      put_u64(skb, WEIR_A_CLIENT_FAILED, p->failed) ?:
	      put_u64(skb, WEIR_A_CLIENT_ACCEPTED, p->accepted) ?:
	      put_u64(skb, WEIR_A_CLIENT_UNSETTLED, p->unsettled) ?:
	      put_u64(skb, WEIR_A_CLIENT_REFUSED, p->refused) ?:
	      put_u64(skb, WEIR_A_CLIENT_WAITING, p->queued) ?:
	      put_u64(skb, WEIR_A_CLIENT_DROPPED, p->dropped);
	spin_unlock_bh(&e->lock);
	return err ?: put_u64(skb, WEIR_A_CLIENT_MEMORY, READ_ONCE(c->memory));
}

static int fill_client(struct sk_buff *skb, void *arg)
{
	struct entry *e = arg;
	int err = put_identity(skb, e->c) ?: put_counts(skb, e->c);

	if (!err && e->notify)
		err = nla_put_u32(skb, WEIR_A_CLIENT_DIED, e->died);
	return err ? -EMSGSIZE : 0;
}

/* The living client with the least id from @id on, with a reference, or NULL. */
static struct weir_client *next_client(struct weir_channel *ch, u32 id)
{
	struct weir_client *c;

	guard(mutex)(&ch->clients_lock);
	list_for_each_entry(c, &ch->clients, link)
		if (c->ep.peer.id >= id && !READ_ONCE(c->ep.peer.gone) &&
		    weir_client_tryget(c))
			return c;
	return NULL;
}

static struct weir_client *find_client(struct weir_channel *ch, u32 id)
{
	struct weir_client *c = next_client(ch, id);

	if (c && c->ep.peer.id != id) {
		weir_client_put(c);
		c = NULL;
	}
	return c;
}

static int no_client(struct genl_info *info, u32 id)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_CLIENT_ID],
				"no client %u", id);
	return -ENOENT;
}

static int need(struct genl_info *info, u16 attr, const char *what)
{
	if (info->attrs[attr])
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack, "no %s is given", what);
	return -EINVAL;
}

int weir_nl_client_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	struct entry e = {};
	int err;
	u32 id;

	ch = weir_netlink_find(info, WEIR_A_CLIENT_CHANNEL,
			       MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = need(info, WEIR_A_CLIENT_ID, "client id");
	if (err)
		goto out;
	id = nla_get_u32(info->attrs[WEIR_A_CLIENT_ID]);
	e.c = find_client(ch, id);
	err = e.c ? weir_netlink_reply(info, CLIENT_SIZE, fill_client, &e) :
		    no_client(info, id);
	if (e.c)
		weir_client_put(e.c);
out:
	weir_channel_put(ch);
	return err;
}

/* Dumps one channel's clients from id cb->args[1] on. */
static int dump_channel(struct sk_buff *skb, struct netlink_callback *cb,
			struct weir_channel *ch)
{
	struct entry e = {};
	int err = 0;

	while (!err && (e.c = next_client(ch, cb->args[1]))) {
		err = weir_netlink_put_one(skb, cb, WEIR_CMD_CLIENT_GET,
					   fill_client, &e);
		if (!err)
			cb->args[1] = e.c->ep.peer.id + 1;
		weir_client_put(e.c);
	}
	return err;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_CLIENT_CHANNEL,
			       MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = dump_channel(skb, cb, ch);
	weir_channel_put(ch);
	return skb->len ?: err;
}

int weir_nl_client_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct genl_info info = *genl_info_dump(cb);
	struct weir_channel *ch;
	int err = 0;

	if (info.attrs[WEIR_A_CLIENT_CHANNEL])
		return dump_one(skb, cb, &info);
	while (!err && (ch = weir_channel_next(cb->args[0]))) {
		if (IS_ERR(ch))
			return PTR_ERR(ch);
		if (weir_channel_may(ch, MAY_READ | MAY_WRITE))
			err = dump_channel(skb, cb, ch);
		if (!err) {
			cb->args[0] = ch->id + 1;
			cb->args[1] = 0;
		}
		weir_channel_put(ch);
	}
	return skb->len ?: err;
}

static u32 kick_pid(struct weir_channel *ch, struct pid *pid)
{
	struct weir_client *c;
	u32 id = 0, n = 0;

	while ((c = next_client(ch, id))) {
		id = c->ep.peer.id + 1;
		if (READ_ONCE(c->pid) == pid) {
			weir_client_end(c, WEIR_END_DEATH);
			weir_window_cut(ch);
			n++;
		}
		weir_client_put(c);
	}
	return n;
}

static int kick_everywhere(struct sk_buff *skb, struct genl_info *info,
			   struct pid *pid)
{
	struct weir_channel *ch;
	u32 id = 0, n = 0;

	while ((ch = weir_channel_next(id)) && !IS_ERR(ch)) {
		id = ch->id + 1;
		if (!weir_netlink_may_change(skb, info, ch, "kicking a client"))
			n += kick_pid(ch, pid);
		weir_channel_put(ch);
	}
	return n;
}

static int kick_by_pid(struct sk_buff *skb, struct genl_info *info,
		       struct weir_channel *ch)
{
	struct nlattr *a = info->attrs[WEIR_A_CLIENT_PID];
	struct pid *pid = find_get_pid(nla_get_u32(a));
	u32 n = 0;

	if (pid)
		n = ch ? kick_pid(ch, pid) : kick_everywhere(skb, info, pid);
	put_pid(pid);
	if (n)
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, a, "process %u has no client",
				nla_get_u32(a));
	return -ENOENT;
}

static int kick_by_id(struct genl_info *info, struct weir_channel *ch)
{
	u32 id = nla_get_u32(info->attrs[WEIR_A_CLIENT_ID]);
	struct weir_client *c = find_client(ch, id);

	if (!c)
		return no_client(info, id);
	weir_client_end(c, WEIR_END_DEATH);
	weir_window_cut(ch);
	weir_client_put(c);
	return 0;
}

static int kick(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	if (!info->attrs[WEIR_A_CLIENT_CHANNEL]) {
		err = need(info, WEIR_A_CLIENT_PID, "channel or pid");
		return err ?: kick_by_pid(skb, info, NULL);
	}
	ch = weir_netlink_find(info, WEIR_A_CLIENT_CHANNEL, 0);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_may_change(skb, info, ch, "kicking a client");
	if (!err && info->attrs[WEIR_A_CLIENT_ID])
		err = kick_by_id(info, ch);
	else if (!err)
		err = need(info, WEIR_A_CLIENT_PID, "client id or pid") ?:
		      kick_by_pid(skb, info, ch);
	weir_channel_put(ch);
	return err;
}

int weir_nl_client_kick_doit(struct sk_buff *skb, struct genl_info *info)
{
	return kick(skb, info);
}

/**
 * weir_netlink_client - notify of a client
 * @c: client
 * @cmd: WEIR_CMD_CLIENT_*_NTF
 * @died: its process ended
 */
void weir_netlink_client(struct weir_client *c, u8 cmd, bool died)
{
	struct entry e = { .c = c, .notify = true, .died = died };

	weir_netlink_notify(cmd, CLIENT_SIZE, fill_client, &e);
}
