/** Scripts by shell. All ask `gantry __complete` and understand cobra's directives. */
export function completionScripts(isPlain: boolean): Readonly<Record<string, string>> {
  const verb = isPlain ? "__completeNoDesc" : "__complete";
  return { bash: bash(verb), zsh: zsh(verb), fish: fish(verb) };
}

function bash(verb: string): string {
  return `# Completion of gantry for bash: source this file.
__gantry_complete() {
  local line directive candidate IFS=$'\\n'
  local -a answer
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash takes words apart at '=' and ':': what was taken apart is put together again.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur words_ cword_
    _get_comp_words_by_ref -n "=:" -c cur -w words_ -i cword_
    words=("\${words_[@]:1:cword_}")
  fi
  [ "\${#words[@]}" -gt 0 ] || words=("")
  answer=($("\${COMP_WORDS[0]}" ${verb} "\${words[@]}" 2>/dev/null))
  [ "\${#answer[@]}" -gt 0 ] || return
  directive=\${answer[\${#answer[@]}-1]#:}
  unset "answer[\${#answer[@]}-1]"
  local last=\${words[\${#words[@]}-1]}
  if [ "\${#answer[@]}" -eq 0 ]; then
    if [ $((directive & 4)) -eq 0 ]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "\${last##*=}"))
    fi
    return
  fi
  for line in "\${answer[@]}"; do
    candidate=\${line%%$'\\t'*}
    case $candidate in "$last"*) COMPREPLY+=("$candidate") ;; esac
  done
  [ $((directive & 2)) -eq 0 ] || compopt -o nospace 2>/dev/null
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$last"; fi
}
complete -F __gantry_complete gantry
`;
}

function zsh(verb: string): string {
  return `#compdef gantry
# Completion of gantry for zsh: put this file into fpath as _gantry, or source it.
_gantry() {
  local out directive line word meaning
  local -a candidates
  out=$("\${words[1]}" ${verb} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  directive=\${out##*:}
  for line in "\${(@f)out}"; do
    case $line in (:<->|"") continue ;; esac
    word=\${line%%$'\\t'*}
    word=\${word//:/\\\\:}
    if [[ $line == *$'\\t'* ]]; then candidates+=("$word:\${line#*$'\\t'}"); else candidates+=("$word"); fi
  done
  if (( \${#candidates} == 0 )); then
    (( directive & 4 )) || _files
    return
  fi
  if (( directive & 2 )); then _describe -V gantry candidates -S ''; else _describe -V gantry candidates; fi
}
if [ "$funcstack[1]" = "_gantry" ]; then _gantry "$@"; else compdef _gantry gantry; fi
`;
}

function fish(verb: string): string {
  return `# Completion of gantry for fish: put this file into ~/.config/fish/completions.
function __gantry_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answer ($words[1] ${verb} $words[2..-1] 2>/dev/null)
  test (count $answer) -gt 0; or return
  set -l directive (string sub -s 2 -- $answer[-1])
  set -e answer[-1]
  if test (count $answer) -eq 0
    if test (math "floor($directive / 4) % 2") -eq 0
      __fish_complete_path (commandline -ct)
    end
    return
  end
  string join \\n -- $answer
end
complete -c gantry -f -a '(__gantry_complete)'
`;
}
