# SPDX-License-Identifier: GPL-2.0-only
# bash completion of weirctl: the tool itself knows what may come next.
# shellcheck shell=bash

_weirctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words=() i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-batch | --batch | -b)
			[ ${#words[@]} -gt 0 ] || return 0
			;;
		-*)
			[ ${#words[@]} -gt 0 ] || continue
			;;
		esac
		words+=("${COMP_WORDS[i]}")
	done
	mapfile -t COMPREPLY < <(compgen -W \
		"$("${COMP_WORDS[0]}" help words "${words[@]}" 2>/dev/null)" -- "$cur")
}

# File names where the tool has no word: after --file, -batch and in a command.
complete -o bashdefault -o default -F _weirctl weirctl
