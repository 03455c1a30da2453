# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs Debian packages, for the scripts that source this. Only what is missing is
# installed, and the services that come with a package are neither started nor enabled: the
# usual ports stay free, and nothing runs that nobody asked for.
#
#     packages_install LOG PACKAGE...     as root or with sudo; false, with a word, if it failed
#     packages_drop_policy                for an EXIT trap: an interrupted run leaves no trace

readonly PACKAGES_POLICY=/usr/sbin/policy-rc.d
packages_policy_made=false

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

packages_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done
}

packages_hold_services() {
    [ ! -e "$PACKAGES_POLICY" ] || return 0
    packages_policy_made=true
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$PACKAGES_POLICY" >/dev/null
    as_root chmod 755 "$PACKAGES_POLICY"
}

packages_drop_policy() {
    $packages_policy_made || return 0
    as_root rm -f "$PACKAGES_POLICY"
    packages_policy_made=false
}

packages_disable_services() {
    local package
    command -v systemctl >/dev/null || return 0
    for package in "$@"; do
        case $package in
            redis-server | nginx | haproxy | prometheus | prometheus-alertmanager)
                as_root systemctl disable "$package.service" || true ;;
        esac
    done
}

packages_install() {
    local log=$1 missing
    shift
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0

    printf 'Installing from Debian: %s\n' "${missing[*]}"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        printf 'That needs root: run this as root, or install sudo.\n'
        return 1
    fi
    packages_hold_services
    if ! as_root apt-get update -q >"$log" 2>&1 ||
        ! as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        printf 'apt-get failed:\n'
        tail -n 20 "$log" | sed 's/^/  | /'
        return 1
    fi
    packages_drop_policy
    packages_disable_services "${missing[@]}" >>"$log" 2>&1
}
