"""A street of computers: each one boots a real system of its own, and all of them are on one network without a way out.

A computer is a set of namespaces with systemd as its first process, on a file system of its own over the common one that `base.sh` makes.
`internet` is the one that answers for the rest of the world: names, certificates (as an ACME authority in the place of Let's Encrypt),
downloads, and platforms. Nothing here listens on an address of the machine that it runs on.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time

BRIDGE = "street"
NETWORK = "10.77.0."
ADDRESSES = {"laptop": 1, "desktop": 2, "server": 3, "internet": 9}
# Who answers under which name.
AT_SERVER = ["sync.example.org"]
AT_INTERNET = [
    "acme-v02.api.letsencrypt.org", "downloads.example.org", "other.example.org", "registry.example.org",
    "our-tasks.fly.dev", "server-production-1a2b.up.railway.app",
]
PR_SET_PDEATHSIG = 1
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, capture_output=True, **more).stdout


def unified_cgroups():
    with open("/proc/mounts") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


def wait_until(what, condition, seconds=120.0):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited in vain: {what}")
        time.sleep(0.1)


class Computer:
    def __init__(self, street, name, bound=()):
        self.street, self.name, self.address = street, name, f"{NETWORK}{ADDRESSES[name]}"
        self.folder = os.path.join(street.folder, name)
        for part in ("root", "changes", "work", "docker", "containerd", "data"):
            os.makedirs(os.path.join(self.folder, part))
        # Overlays don't stack: what Docker keeps lies on the disk itself.
        bound = [f"{self.folder}/docker:/var/lib/docker:rw", f"{self.folder}/containerd:/var/lib/containerd:rw", *bound]
        self.group = os.path.join(unified_cgroups(), f"guides-{os.getpid()}-{name}")
        os.makedirs(self.group)

        def enter_group():
            # It ends with the walker, whatever ends that.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            with open(os.path.join(self.group, "cgroup.procs"), "w") as file:
                file.write(str(os.getpid()))

        with open(os.path.join(self.folder, "console"), "w") as console:
            self.shell = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child",
                 os.path.join(HERE, "boot.sh"), name, street.system, self.folder, *bound],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, preexec_fn=enter_group)
        children = f"/proc/{self.shell.pid}/task/{self.shell.pid}/children"
        wait_until(f"{name} boots", lambda: self.shell.poll() is None and open(children).read().strip())
        self.pid = int(open(children).read())
        wait_until(f"{name} has its system", lambda: b"init" in open(f"/proc/{self.pid}/cmdline", "rb").read())
        run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        run("ip", "link", "set", f"to-{name}", "master", BRIDGE, "up")
        for command in (["link", "set", "lo", "up"], ["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            run("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *command)
        self.write("/etc/resolv.conf", f"nameserver {NETWORK}{ADDRESSES['internet']}\n")

    def is_up(self):
        asked = subprocess.run(["nsenter", "-t", str(self.pid), "-a", "systemctl", "is-active", "multi-user.target"], capture_output=True)
        return asked.returncode == 0

    def root(self, script, **more):
        """As root, not seen by the reader."""
        command = ["nsenter", "-t", str(self.pid), "-a", "env", "-i", "HOME=/root", "LANG=C.UTF-8",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-euc", script]
        done = subprocess.run(command, text=True, capture_output=True, **more)
        if done.returncode:
            raise RuntimeError(f"on {self.name}: {script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def path(self, inside):
        return f"/proc/{self.pid}/root{inside}"

    def write(self, inside, text, mode=0o644):
        self.root('mkdir -p "$(dirname "$0")"; cat >"$0"; chmod "$1" "$0"'.replace("$0", inside).replace("$1", oct(mode)[2:]), input=text)

    def ssh(self, user):
        """What opens a terminal there."""
        key = os.path.join(self.street.work, "key")
        return ["ssh", "-tt", "-q", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "SendEnv=-*", f"{user}@{self.address}"]

    def end(self):
        subprocess.run(["kill", "-KILL", str(self.pid)], stderr=subprocess.DEVNULL)
        self.shell.wait()
        for folder, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass


class Street:
    """To be used in a network namespace of its own."""

    def __init__(self, work, sync_at="server"):
        self.work, self.system = work, os.path.join(work, "system")
        self.folder = os.path.join(work, f"street-{os.getpid()}")
        os.makedirs(self.folder)
        self.computers = {}
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}254/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self.sync_at = sync_at

    def add(self, *names, bound=None):
        for name in names:
            self.computers[name] = Computer(self, name, (bound or {}).get(name, ()))
        for name in names:
            wait_until(f"{name} is up", self.computers[name].is_up)

    def __getitem__(self, name):
        return self.computers[name]

    def names(self):
        """For the one that answers for names."""
        hosts = {name: f"{NETWORK}{number}" for name, number in ADDRESSES.items()}
        hosts |= {name: hosts[self.sync_at] for name in AT_SERVER}
        hosts |= {name: hosts["internet"] for name in AT_INTERNET}
        return "".join(f"{address} {name}\n" for name, address in hosts.items())

    def end(self):
        for computer in self.computers.values():
            computer.end()
        shutil.rmtree(self.folder, ignore_errors=True)
