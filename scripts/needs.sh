# shellcheck shell=bash
# Sourced by scripts/test: tests that need more than a compiler, and what this machine has of it.
#
# Such a test is marked `#[ignore = "needs root"]`, with a word of the list in has_need, or several: "needs root and logrotate".

# has_need WORD: true if this machine has it.
has_need() {
    case $1 in
    root) [ "$(id -u)" = 0 ] ;;
    # Network namespaces, as root or in a user namespace: the tests of the lab.
    namespaces)
        unshare --mount --net true 2>/dev/null || unshare --user --map-root-user --mount --net true 2>/dev/null
        ;;
    # A user namespace for somebody who is not root.
    user-namespaces) unshare --user --map-root-user --mount --net true 2>/dev/null ;;
    # A folder of real captures, which are no part of the project.
    captures) [ -n "${TRAF_CAPTURES:-}" ] && [ -d "$TRAF_CAPTURES" ] ;;
    logrotate) command -v logrotate >/dev/null ;;
    *) return 1 ;;
    esac
}

# ignored_tests: a line for each ignored test: its file, its name, its reason.
ignored_tests() {
    find . -name target -prune -o -name '.?*' -prune -o -name '*.rs' -print | sort | xargs awk '
        FNR == 1 { ignored = 0 }
        /^[ \t]*#\[ignore/ {
            ignored = 1
            reason = $0
            if (!sub(/.*#\[ignore *= *"/, "", reason)) reason = "no reason"
            sub(/".*/, "", reason)
            next
        }
        ignored && /^[ \t]*(pub )?(async )?fn / {
            name = $0
            sub(/^.*fn /, "", name)
            sub(/[(<].*/, "", name)
            print FILENAME "\t" name "\t" reason
            ignored = 0
        }
    '
}

# unmet_needs: the lines of ignored_tests that cannot run here, with what is missing in place of the reason.
unmet_needs() {
    local file name reason word missing known=' '
    while IFS=$'\t' read -r file name reason; do
        missing=
        case $reason in
        'needs '*) for word in ${reason#needs }; do
            [ "$word" = and ] && continue
            case $known in *" $word:"*) ;; *) has_need "$word" && known+="$word:yes " || known+="$word:no " ;; esac
            case $known in *" $word:no "*) missing+=" $word" ;; esac
        done ;;
        *) missing=" a reason that begins with 'needs'" ;;
        esac
        [ -z "$missing" ] || printf '%s\t%s\t%s\n' "$file" "$name" "${missing# }"
    done
}
