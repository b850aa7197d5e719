// SPDX-License-Identifier: GPL-2.0-only
/* For module.sh: one thing each, in the words of the test's own clients. */
#include "bed.h"

static int made(const char *name)
{
	return nl_do(WEIR_CMD_CHANNEL_NEW, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
}

static int purged(const char *name)
{
	return nl_do(WEIR_CMD_CHANNEL_PURGE, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
}

/* Until standard input ends. */
static int attached(const char *name, const char *role)
{
	char word;
	struct raw r;
	int ret = raw_open(&r, name, !strcmp(role, "work") ? RAW_WORK : RAW_SEND);

	if (ret)
		return ret;
	puts("attached");
	fflush(stdout);
	while (read(0, &word, 1) > 0)
		;
	raw_close(&r);
	return 0;
}

static int sent(const char *name)
{
	int fd = raw_device(name, O_WRONLY), ret;

	if (fd < 0)
		return fd;
	ret = write(fd, "message", 7) == 7 ? 0 : -errno;
	close(fd);
	return ret;
}

/* Channels of this test and of others that did not end well. */
static int cleared(void)
{
	char name[64][CHAN_ROOM];
	size_t i, nr = 0;
	const char *n;
	int ret;

	ret = nl_dump(WEIR_CMD_CHANNEL_GET, NULL);
	for (i = 0; !ret && i < nl_last.list.nr && nr < 64; i++) {
		n = nl_str(nl_last.list.obj[i], WEIR_A_CHANNEL_NAME);
		if (!strncmp(n, "test-", 5))
			snprintf(name[nr++], CHAN_ROOM, "%s", n);
	}
	for (i = 0; !ret && i < nr; i++)
		ret = chan_del(name[i], true);
	return ret;
}

int main(int argc, char **argv)
{
	int ret = -EINVAL;

	if (argc == 3 && !strcmp(argv[1], "add"))
		ret = made(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "del"))
		ret = chan_del(argv[2], true);
	else if (argc == 2 && !strcmp(argv[1], "clear"))
		ret = cleared();
	else if (argc == 3 && !strcmp(argv[1], "send"))
		ret = sent(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "purge"))
		ret = purged(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "attach"))
		ret = attached(argv[2], argv[3]);
	if (ret)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-ret));
	return ret != 0;
}
