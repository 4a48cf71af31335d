# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of the program hapax for bash. tests/completion.sh compares it with `hapax stat --help`.

_hapax() {
	local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words
	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'stat help --help --version' -- "$word")
		return
	fi
	[[ ${COMP_WORDS[1]} = stat ]] || return
	# Readline cuts --split=csv into --split, = and csv.
	if [[ $word = '=' ]]; then
		word=
	elif [[ $option = '=' ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $option in
	--split) words='lines words csv json xml c' ;;
	--delimiter) words='comma tab semicolon bar auto' ;;
	--plain) words='strdup counted' ;;
	--min-length | --threads | --rounds | --top | --places | --include) return ;;
	--files0-from | --values | --plot) words='' ;;
	*)
		words=
		if [[ $word = -* ]]; then
			words='--split= --delimiter= --min-length= -r --recursive --include= --files0-from= --plain= --threads=
				--rounds= --reclaim --top= --places= --values= --json --plot= --compare -h --help -V --version'
		fi
		;;
	esac
	if [[ -z $words ]]; then
		compopt -o default
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	# A value follows without a blank.
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} = *= ]]; then
		compopt -o nospace
	fi
}
complete -F _hapax hapax
