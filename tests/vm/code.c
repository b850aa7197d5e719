// SPDX-License-Identifier: GPL-2.0
/*
 * code FILE
 * Does the VM run the code that its files hold? The file gets many pages, each a
 * function that returns a number of its own. They are read, called and dropped,
 * again and again: each time other pages of memory get them. An emulator that
 * does not see memory change goes on with the code that was there before.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 256, ROUNDS = 6, PAGE = 4096, FIRST = 1000 };

static void write_file(const char *name)
{
	uint8_t page[PAGE] = { 0xb8, 0, 0, 0, 0, 0xc3 }; /* mov $..., %eax; ret */
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint32_t i, number;

	if (fd < 0)
		err(1, "%s", name);
	for (i = 0; i < PAGES; i++) {
		number = FIRST + i;
		memcpy(page + 1, &number, sizeof(number));
		if (write(fd, page, PAGE) != PAGE)
			err(1, "%s", name);
	}
	if (fsync(fd) || close(fd))
		err(1, "%s", name);
}

static uint32_t call(const uint8_t *page)
{
	uint32_t (*function)(void);

	memcpy(&function, &page, sizeof(function));
	return function();
}

/* Return: how many pages returned another number than theirs. */
static uint32_t call_all(const char *name, uint32_t round)
{
	uint32_t i, nr, got, held, wrong = 0;
	int fd = open(name, O_RDONLY);
	const uint8_t *m;

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		err(1, "%s", name);
	m = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		err(1, "%s", name);
	for (i = 0; i < PAGES; i++) {
		nr = round % 2 ? PAGES - 1 - i : i;
		got = call(m + nr * PAGE);
		memcpy(&held, m + nr * PAGE + 1, sizeof(held));
		if (got == FIRST + nr)
			continue;
		if (!wrong++)
			printf("page %u should return %u, holds %u, returned %u\n",
			       nr, FIRST + nr, held, got);
	}
	munmap((void *)m, PAGES * PAGE);
	close(fd);
	return wrong;
}

int main(int argc, char **argv)
{
	uint32_t round, wrong = 0;

	if (argc != 2)
		errx(2, "wants the name of a file to make");
	write_file(argv[1]);
	for (round = 0; round < ROUNDS; round++)
		wrong += call_all(argv[1], round);
	unlink(argv[1]);
	printf("%u of %u calls ran other code than the file's\n", wrong,
	       PAGES * ROUNDS);
	return wrong != 0;
}
