#!/bin/bash
# systemd-box.sh CACHE_DIR SUITE INSTALL CHECK [WORD...]: boot a Debian root with its own systemd as PID 1, and run
# CHECK in it.
#
#   SUITE    bookworm or trixie
#   INSTALL  run here as `INSTALL ROOT`: puts what is to be tested into a fresh copy of the root
#   CHECK    run in there after the boot, with the WORDs, in which no shell finds anything; its exit code is that of
#            this script. Its output is shown, and kept in CACHE_DIR/check.log; the journal is in CACHE_DIR/journal.log
#
# Needs root: namespaces, and a root file system with owners. Nothing of this machine is changed but the two packages
# that do it; the box has no network.
set -euo pipefail
cache=$(mkdir -p "$1" && cd "$1" && pwd) suite=$2 install=$(realpath "$3") check=$(realpath "$4")
packages=systemd,systemd-sysv,dbus,libpam-systemd,procps,make,ca-certificates
packages+=,python3,python3-venv,ffmpeg,nginx,libnginx-mod-rtmp,libnginx-mod-stream,janus
base=$cache/systemd-$suite-$(cksum <<<"$packages" | cut -d ' ' -f 1).tar root=$cache/systemd-root
shift 4

[ "$(id -u)" = 0 ] || { echo 'systemd-box.sh: a box takes root; say: sudo make test-boxes' >&2; exit 2; }

exec 9>"$cache/systemd.lock"
flock 9 # one box at a time

if ! { command -v mmdebstrap && command -v systemd-nspawn; } >/dev/null; then
  flock "$cache/packages.lock" sh -ec '
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -yqq install --no-install-recommends \
      mmdebstrap systemd-container >/dev/null'
fi

if [ ! -e "$base" ]; then # once; what `.ci/setup run` would install, but for node
  sed "s/bookworm/$suite/g" /etc/apt/sources.list.d/debian.sources >"$cache/$suite.sources"
  mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$packages" \
    "$suite" "$base.part.tar" "$cache/$suite.sources" >"$cache/bootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/bootstrap.log" >&2; exit 97; }
  mv "$base.part.tar" "$base"
fi

rm -rf "$root" "$cache"/{check,journal,boot}.log
mkdir "$root"
tar -C "$root" -xf "$base"
"$install" "$root"
install -m 755 "$check" "$root/check"
echo "$@" >"$root/check.words"
cat >"$root/etc/systemd/system/box-check.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=simple
ExecStart=/bin/sh -c '/check $(cat /check.words) >/check.log 2>&1; code=$?; journalctl -o short-precise >/journal.log; exec systemctl exit $code'
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../box-check.service "$root/etc/systemd/system/multi-user.target.wants/"
ln -sf /dev/null "$root/etc/systemd/system/getty.target"
ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"

code=0
# A mount namespace with a /run of its own: what nspawn writes down stays off this machine's. One of processes, for a
# box outlives an nspawn that is killed.
# shellcheck disable=SC2016  # for that shell
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 timeout -k 5 "${BOX_TIMEOUT:-1200}" unshare --mount --pid --fork --kill-child --mount-proc sh -c '
  mount -t tmpfs tmpfs /run
  exec systemd-nspawn -q --register=no --keep-unit --private-network --system-call-filter=bpf \
    --capability=CAP_BPF --console=pipe -D "$1" --boot </dev/null' sh "$root" >"$cache/boot.log" 2>&1 &
box=$!
trap 'kill $box 2>/dev/null || true' TERM INT
wait $box || code=$?
while kill -0 $box 2>/dev/null; do wait $box || code=$?; done # that was a signal
cp "$root/journal.log" "$cache/" 2>/dev/null || true
cp "$root/check.log" "$cache/" 2>/dev/null || { tail -n 20 "$cache/boot.log" >&2; code=98; }
cat "$cache/check.log" 2>/dev/null || true
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  find $hierarchy/payload $hierarchy/supervisor -depth -type d -exec rmdir {} + 2>/dev/null || true
done
rm -rf "$root"
exit $code
