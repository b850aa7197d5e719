# SPDX-License-Identifier: GPL-2.0
# How a BPF program is compiled: included by whoever has some, who sets $(top) and
# $(O). The types are in vmlinux.h, which the Makefile beside this makes.

CLANG	?= clang
bpf_out	:= $(O)/bpf

BPF_CFLAGS := -O2 -g -mcpu=v3 -target bpf -std=gnu11 -Wall -Wextra -Werror \
	-Wno-missing-declarations -Wno-unused-parameter -fms-extensions \
	-Wno-microsoft-anon-tag -D__TARGET_ARCH_x86 -DBPF_NO_KFUNC_PROTOTYPES \
	-I$(bpf_out) -I$(top)/include -I$(top)/bpf -MMD -MP
