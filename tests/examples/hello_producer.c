// SPDX-License-Identifier: LGPL-2.1 OR MIT
/* hello_producer CHANNEL: sends ten messages. */
#include <stdio.h>
#include <string.h>
#include <weir.h>

int main(int argc, char **argv)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = WEIR_OPEN_SEND };
	struct weir *w;
	char text[32];
	int rc = weir_open(&w, argc > 1 ? argv[1] : "hello", &opts);

	for (int i = 1; i <= 10 && !rc; i++) {
		snprintf(text, sizeof(text), "hello %d", i);
		rc = weir_send(w, text, strlen(text), NULL);
	}
	if (!rc)
		rc = weir_flush(w, -1);
	if (rc)
		fprintf(stderr, "%s: %s\n", strerror(-rc), weir_error(w));
	weir_close(w);
	return rc ? 1 : 0;
}
