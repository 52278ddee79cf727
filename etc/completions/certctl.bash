# Completion of certctl for bash.  What could stand at the cursor the program says itself.
_certctl()
{
	local line words=() word i

	# bash takes "--status=A" apart at the sign; certctl wants it whole.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = && ${#words[@]} -gt 0 ]]; then
			words[-1]+='='
		elif [[ ${#words[@]} -gt 0 && ${words[-1]} == --*= && $i -gt 1 && ${COMP_WORDS[i - 1]} == = ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[-1]-}
	COMPREPLY=()
	while IFS= read -r line; do
		line=${line%%$'\t'*}
		# Only what is behind the sign is replaced.
		[[ $word == --*=* ]] && line=${line#*=}
		COMPREPLY+=("$line")
	done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
}
complete -F _certctl certctl
