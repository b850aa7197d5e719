// SPDX-License-Identifier: LGPL-2.1 OR MIT
/* hello_worker CHANNEL: prints messages, a line each, until it is killed. */
#include <stdio.h>
#include <string.h>
#include <weir.h>

int main(int argc, char **argv)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = WEIR_OPEN_WORK };
	struct weir_msg msg;
	struct weir *w;
	int rc = weir_open(&w, argc > 1 ? argv[1] : "hello", &opts);

	while (!rc && (rc = weir_recv(w, &msg, -1)) == 1) {
		printf("%.*s\n", (int)msg.len, (const char *)msg.data);
		fflush(stdout);
		rc = weir_ack(w, &msg);
	}
	if (rc)
		fprintf(stderr, "%s: %s\n", strerror(-rc), weir_error(w));
	weir_close(w);
	return rc ? 1 : 0;
}
