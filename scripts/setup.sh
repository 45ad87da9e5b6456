# shellcheck shell=bash disable=SC2034
# Sourced by scripts/quickstart and scripts/test: what a machine must have before anything is built.
# Says what it does, asks for root only to install, and leaves alone what is there.

# Packages of Debian and Ubuntu that building needs.
BUILD_PACKAGES=(build-essential pkg-config libpcap-dev)

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

say() {
    printf '\n== %s\n' "$*"
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "must run as root, and there is no sudo: $*"
    fi
}

# need_packages NAME...: installs those that are missing.
need_packages() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        need_tools_elsewhere "$@"
        return
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing ${missing[*]}"
    # An installation that was stopped half-way is finished first.
    [ -z "$(dpkg --audit)" ] || as_root dpkg --configure -a
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y -q)
    as_root "${apt[@]}" update </dev/null
    as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null
}

# Not Debian: says what is missing, by what it is needed for.
need_tools_elsewhere() {
    local lacking=()
    command -v cc >/dev/null || lacking+=("a C compiler (gcc or clang)")
    if command -v cc >/dev/null && ! echo '#include <pcap/pcap.h>' | cc -E - >/dev/null 2>&1; then
        lacking+=("libpcap with its headers (libpcap-devel)")
    fi
    [ ${#lacking[@]} = 0 ] && return
    printf 'This is no Debian or Ubuntu, so nothing is installed for you. Please install:\n' >&2
    printf '  %s\n' "${lacking[@]}" >&2
    exit 1
}

# The folder of what cargo builds.
target_folder() {
    cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# Finds cargo, and checks that it is as new as the workspace asks.
need_rust() {
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null || die "Rust $wanted or newer is needed and cargo was not found; get it from https://rustup.rs, then run this again"
    have=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n%s\n' "$wanted" "${have%%-*}" | sort -V | head -n 1)" = "$wanted" ] ||
        die "Rust $wanted or newer is needed, this is $have; run 'rustup update stable', or get it from https://rustup.rs"
}
