"""What is there before a reader begins with a page: which computers, and what they have already. Each transcript opens with it."""

import os
import re
import subprocess

from street import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))

INTERNET = """{
	skip_install_trust
	ocsp_stapling off
	pki {
		ca local {
			intermediate_lifetime 8760h
			root {
				cert /etc/caddy/authority.crt
				key /etc/caddy/authority.key
			}
		}
	}
}
acme-v02.api.letsencrypt.org {
	tls internal
	rewrite /directory /acme/local/directory
	acme_server {
		lifetime 2160h
	}
}
downloads.example.org {
	tls internal
	uri strip_prefix /latest/download
	root /srv/release
	file_server
}
other.example.org {
	tls internal
	reverse_proxy 127.0.0.1:8081
}
"""


class World:
    """Two computers with Taskwarrior and `taskferry`, and a server at sync.example.org that somebody runs."""

    sync_at = "server"
    registration = "open"
    patience = 240.0  # seconds, for one command
    programs = True
    has_server = True
    afterwards = ()
    needs = ("internet", "server", "laptop", "desktop")
    there = [
        "laptop, desktop: Taskwarrior, `taskferry`; `laptop` has an empty ~/.taskrc, and its key opens `desktop` by ssh",
        "server: runs `taskferry-server` from its Debian package behind Caddy, at https://sync.example.org",
        "internet: names, an ACME authority in the place of Let's Encrypt, and a second server at https://other.example.org",
    ]
    stand_ins = []

    def head(self, path):
        lines = [f"{path}, followed by `tests/guides/walk {path}`", ""]
        lines += ["real: Debian forky with systemd, ssh, Taskwarrior 3.5, Caddy and HTTPS, on computers that booted for this page"]
        lines += ["before the page begins:", *(f"  {line}" for line in self.there)]
        if self.stand_ins:
            lines += ["stand-ins:", *(f"  {line}" for line in self.stand_ins)]
        return lines + [f"typed as it stands on the page, {self.replaced}; what each run makes anew has got a name"]

    replaced = "without any value replaced"

    def values(self, street):
        """What stands in the page for something that only a run knows, and what that is here."""
        return {}

    def begins(self, computer):
        return []

    def bound(self, street):
        programs = os.path.join(street.work, "programs")
        release = f"{street.work}/release:/srv/release:ro"
        both = [f"{programs}/{name}:/usr/local/bin/{name}:ro" for name in ("taskferry", "taskferry-server")]
        return {
            "internet": [release, f"{programs}:/opt/programs:ro"],
            "laptop": both[:1] if self.programs else [],
            "desktop": [*both[:1], release] if self.programs else [release],
            "server": [release, f"{street.folder}/server/data:/var/lib/taskferry:rw"],
        }

    def make(self, street):
        street.add(*self.needs, bound=self.bound(street))
        self.make_internet(street)
        if self.has_server:
            self.make_server(street)
        for name in self.needs:
            self.prepare(street, name)
        self.more(street)

    def prepare(self, street, name):
        """What lies on a computer when it is new."""
        if name == "laptop":
            street[name].write("/home/reader/.taskrc", "")
            street[name].root("chown reader: /home/reader/.taskrc")

    def more(self, street):
        pass

    def anew(self, street, name):
        street[name].end()
        del street.computers[name]
        subprocess.run(["rm", "-rf", os.path.join(street.folder, name)], check=True)
        street.add(name, bound=self.bound(street))
        self.prepare(street, name)

    def caddyfile(self):
        return INTERNET

    def make_internet(self, street):
        internet = street["internet"]
        internet.write("/etc/dnsmasq.hosts", street.names())
        internet.root("systemd-run --quiet --unit names dnsmasq --keep-in-foreground --no-resolv --no-hosts --addn-hosts=/etc/dnsmasq.hosts --log-facility=-")
        for part in ("crt", "key"):
            with open(os.path.join(street.work, f"authority.{part}")) as file:
                internet.write(f"/etc/caddy/authority.{part}", file.read())
        internet.write("/etc/caddy/Caddyfile", self.caddyfile())
        internet.root("systemctl start caddy")
        internet.root("systemd-run --quiet --unit other /opt/programs/taskferry-server serve --listen 127.0.0.1:8081 --data-dir /srv/other "
                      "--public-url https://other.example.org --trusted-proxy loopback")

    def make_server(self, street):
        """As docs/deploy/systemd.md says, which has a transcript of its own."""
        server = street["server"]
        server.root("DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends /srv/release/taskferry-server_*.deb >/var/log/install 2>&1")
        server.write("/etc/taskferry/server.toml", 'data_dir = "/var/lib/taskferry"\nlisten = ["127.0.0.1:8080"]\n'
                     f'public_url = "https://sync.example.org"\nregistration = "{self.registration}"\n')
        server.root("systemctl restart taskferry-server; cd /tmp && taskferry-server deploy systemd --domain sync.example.org 2>/dev/null && "
                    "cp taskferry-systemd/Caddyfile /etc/caddy/ && systemctl enable --quiet --now caddy")
        wait_until("the certificate is there", lambda: subprocess.run(
            ["nsenter", "-t", str(street["internet"].pid), "-a", "curl", "--fail", "--silent", "https://sync.example.org/readyz"],
            capture_output=True).returncode == 0)

    def sheet(self, street):
        """What stands on the recovery sheet that was printed: the server, then row by row."""
        return []


class FirstMinutes(World):
    programs = False
    there = [World.there[0].replace("Taskwarrior, `taskferry`;", "Taskwarrior; a downloaded install.sh on the one, a Debian package on the other;"), *World.there[1:]]

    def more(self, street):
        with open(os.path.join(street.work, "release", "install.sh")) as file:
            street["laptop"].write("/home/reader/install.sh", file.read())
        street["desktop"].root("cp /srv/release/taskferry_*.deb /home/reader/")


class Synced(World):
    """As above, and both computers share an account through that server."""

    there = [*World.there, "`laptop` was set up there, `desktop` has joined, and they share two tasks"]

    def more(self, street):
        reader = "su - reader -c"
        street["laptop"].root(f"""{reader} 'taskferry setup --server https://sync.example.org --yes >/dev/null 2>&1; task add water the plants; task add buy milk; task sync'
            {reader} 'taskferry share --link 2>/dev/null | ssh desktop taskferry join --from-stdin --yes'""")


class Home(World):
    """`taskferry-server` lies beside `taskferry`, and nobody else runs one."""

    there = ["laptop, desktop: Taskwarrior, `taskferry` and `taskferry-server`; `laptop` has an empty ~/.taskrc, and its key opens `desktop` by ssh"]
    has_server = False
    needs = ("internet", "laptop", "desktop")

    def bound(self, street):
        bound = super().bound(street)
        bound["laptop"] = bound["desktop"] = [f"{street.work}/programs/{name}:/usr/local/bin/{name}:ro" for name in ("taskferry", "taskferry-server")]
        return bound


class Ahead(Synced):
    """The server was restored from a backup that is older than what `laptop` has synced."""

    there = [*Synced.there, "then the server's operator restored a backup that is older than the last sync of `laptop`"]

    def more(self, street):
        super().more(street)
        street["server"].root("taskferry-server backup create")
        street["laptop"].root("su - reader -c 'task add call the plumber; task sync'")
        street["server"].root("systemctl stop taskferry-server; taskferry-server restore latest --yes; systemctl start taskferry-server")


class Sheet(World):
    def sheet(self, street):
        """As somebody reads it from the paper."""
        page = street["laptop"].root("cat /home/reader/recovery.html")
        rows = [" ".join(re.findall(r"<td>(\w+)</td>", row)) for row in re.findall(r"<tr>.*row \d+.*</tr>", page)]
        return ["https://sync.example.org", *rows]


class Operator(Synced):
    """The reader is the operator: root, on the server. Its account has a version that nobody else can read."""

    there = [*Synced.there, "then a computer with a wrong secret has sent a version to that account, which no other can read",
             "server: a reference server's data lies in /var/lib/taskchampion-sync-server"]
    replaced = "but for the account's name and its last good version, in whose place that of this run was typed"

    def begins(self, computer):
        return []

    def bound(self, street):
        bound = super().bound(street)
        fixture = os.path.join(ROOT, "tests", "fixtures", "reference", "taskchampion-sync-server.sqlite3")
        bound["server"] += [f"{fixture}:/opt/reference.sqlite3:ro"]
        return bound

    def more(self, street):
        super().more(street)
        street["server"].root("mkdir /var/lib/taskchampion-sync-server; cp /opt/reference.sqlite3 /var/lib/taskchampion-sync-server/taskchampion-sync-server.sqlite3")
        street["laptop"].write("/opt/good.py", "import sqlite3\nold = sqlite3.connect('/home/reader/.task/taskchampion.sqlite3')\n"
                               "print(old.execute(\"SELECT value FROM sync_meta WHERE key = 'base_version'\").fetchone()[0])\n")
        self.good = street["laptop"].root("python3 /opt/good.py").strip()
        street["desktop"].root("su - reader -c \"task sync; sed -i 's/^sync.encryption_secret=.*/sync.encryption_secret=another/' .taskrc; task add from a wrong secret; task sync\"")

    def values(self, street):
        account = re.search(r"\b[0-9a-f]{12}\b", street["server"].root("taskferry-server account list"))[0]
        return {"84f251767481": account, "cd13a25c-4ced-40e9-97da-86a900480182": self.good, "NAME": account}


class Deploy(World):
    """Nothing is there but computers: one to deploy from or on, and one of a tester."""

    has_server = False
    patience = 300.0
    needs = ("internet", "server", "laptop", "desktop")
    asked_from = "laptop"

    @property
    def afterwards(self):
        first, second = ("laptop", "desktop") if self.asked_from == "laptop" else ("desktop", "laptop")
        return [(first, ["task add written by a tester", "task sync", f"taskferry share --link | ssh {second} taskferry join --from-stdin --yes"]),
                (second, ["task list", "taskferry verify"])]


class Systemd(Deploy):
    there = [
        "server: a new machine of the name sync.example.org, with Caddy as Debian installs it; in the home folder what a release has:",
        "  install.sh and the Debian package",
        World.there[0],
        World.there[2].replace(", and a second server at https://other.example.org", ""),
    ]
    registration = "invite"

    def prepare(self, street, name):
        super().prepare(street, name)
        if name == "server":
            street[name].root("cp /srv/release/taskferry-server_*.deb /srv/release/install.sh /home/reader/; chown reader: /home/reader/*; "
                              "systemctl enable --quiet --now caddy")


def clone(street, name):
    """The repository, as a clone has it: what is committed, and what is going to be."""
    target = street[name].path("/home/reader/taskferry")
    os.makedirs(target)
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True).stdout
    pack = subprocess.Popen(["tar", "-C", ROOT, "--null", "--files-from=-", "--ignore-failed-read", "-cf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "-C", target, "-xf", "-"], stdin=pack.stdout)
    pack.stdin.write(files)
    pack.stdin.close()
    if pack.wait() or unpack.wait():
        raise RuntimeError("could not copy the repository")
    street[name].root("chown -R reader: /home/reader/taskferry")


def docker(street, name):
    """Docker's daemon, and the images that it would fetch from Docker Hub."""
    street[name].root("systemctl start docker")
    with open(os.path.join(ROOT, "Dockerfile")) as file:
        bases = {kind: name for name, kind in re.findall(r"(?m)^FROM docker.io/library/((rust|busybox):\S+)", file.read())}
    path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    changes = {"rust": [path], "busybox": [path, "CMD sh"],
               "caddy": [path, "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data", 'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]']}
    names = {**bases, "caddy": "caddy:2"}
    for kind, change in changes.items():
        more = " ".join(f"--change '{each}'" for each in change)
        street[name].root(f"docker import {more} /opt/images/{kind}.tar docker.io/library/{names[kind]} >/dev/null")


IMAGES = [
    "the images of Docker Hub: Rust's has a `cargo` that compiles nothing and hands out this build's programs; Busybox's and Caddy's hold",
    "  Debian's programs. The Dockerfile, Docker and Compose are real. Memory limits are asked for; whether they hold is the kernel's",
]


class Compose(Deploy):
    there = [
        "server: a new machine of the name sync.example.org, with Docker and Compose, a clone of the repository, and the built program on PATH",
        *Systemd.there[2:],
    ]
    stand_ins = IMAGES
    registration = "invite"

    def bound(self, street):
        bound = super().bound(street)
        bound["server"] = [f"{street.work}/images:/opt/images:ro", f"{street.work}/programs/taskferry-server:/usr/local/bin/taskferry-server:ro"]
        return bound

    def begins(self, computer):
        return ["cd taskferry"] if computer == "server" else []

    def prepare(self, street, name):
        super().prepare(street, name)
        if name == "server":
            clone(street, name)
            docker(street, name)


class Platform(Deploy):
    """A platform on the internet, reached with a command of its own."""

    command = ""
    site = ""
    asked_from = "desktop"
    needs = ("internet", "laptop", "desktop")

    @property
    def there(self):
        return [
            f"laptop: a clone of the repository, the built programs on PATH, and `{self.command}`",
            "desktop: a tester's; Taskwarrior and `taskferry`",
            "internet: names and certificates",
        ]

    def caddyfile(self):
        return INTERNET + self.site

    def bound(self, street):
        bound = super().bound(street)
        tool = os.path.join(HERE, "stand-ins")
        bound["internet"] += [f"{street.work}/images:/opt/images:ro"]
        bound["laptop"] += [f"{street.work}/programs/taskferry-server:/usr/local/bin/taskferry-server:ro", f"{tool}:/opt/stand-ins:ro",
                            f"{tool}/{self.command}:/usr/local/bin/{self.command}:ro"]
        return bound

    def begins(self, computer):
        return ["cd taskferry"] if computer == "laptop" else []

    def prepare(self, street, name):
        super().prepare(street, name)
        if name == "laptop":
            clone(street, name)
        if name == "internet":
            docker(street, name)


class Fly(Platform):
    command = "fly"
    registration = "invite"
    site = """our-tasks.fly.dev {
	tls internal
	reverse_proxy 127.0.0.1:8090 {
		header_up Fly-Client-IP {remote_host}
	}
}
"""
    stand_ins = [
        "`fly`: takes the flags that flyctl documents, builds the Dockerfile with Docker, and starts one machine as fly.toml says: its",
        "  environment, memory, signal, and a volume that belongs to root; Fly's proxy is Caddy with `Fly-Client-IP`",
        *IMAGES,
    ]


class Railway(Platform):
    command = "railway"
    site = """server-production-1a2b.up.railway.app {
	tls internal
	reverse_proxy 127.0.0.1:8090 {
		header_up X-Real-IP {remote_host}
	}
}
"""
    stand_ins = [
        "`railway`: takes the flags that Railway's command documents, evaluates railway.ts with Railway's own SDK, builds the Dockerfile",
        "  with Docker, and starts the service as the graph says: its environment, and a volume that belongs to root; the edge is Caddy",
        *IMAGES,
    ]

    def bound(self, street):
        bound = super().bound(street)
        modules = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "deploy-tools", "node", "node_modules")
        bound["laptop"] += [f"{modules}:/opt/sdk/node_modules:ro"]
        return bound


class Kubernetes(Platform):
    command = "kubectl"
    registration = "invite"
    sync_at = "internet"
    site = """registry.example.org {
	tls internal
	reverse_proxy 127.0.0.1:5000
}
sync.example.org {
	tls internal
	request_body {
		max_size 110m
	}
	reverse_proxy 127.0.0.1:8090
}
"""
    stand_ins = [
        "`kubectl`: the real one renders the folder; then one pod is started with Docker as the StatefulSet says: image, user, group,",
        "  environment, capabilities, a read-only system, and the volume; the ingress is Caddy",
        *IMAGES,
    ]

    def bound(self, street):
        bound = super().bound(street)
        tools = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "deploy-tools", "python")
        bound["laptop"] += [f"{tools}/bin/kubectl:/opt/kubectl:ro", f"{street.work}/images:/opt/images:ro"]
        return bound

    def prepare(self, street, name):
        super().prepare(street, name)
        if name == "laptop":
            docker(street, name)
        if name == "internet":
            street[name].root("printf 'version: 0.1\\nstorage:\\n  filesystem:\\n    rootdirectory: /srv/registry\\nhttp:\\n  addr: 127.0.0.1:5000\\n' >/etc/registry.yml; "
                              "systemd-run --quiet --unit registry docker-registry serve /etc/registry.yml")


PAGES = {
    "docs/guide/first-minutes.md": FirstMinutes,
    "docs/guide/every-day.md": Synced,
    "docs/guide/phones.md": Synced,
    "docs/guide/servers.md": World,
    "docs/guide/home.md": Home,
    "docs/guide/moving.md": World,
    "docs/guide/lost-computer.md": Sheet,
    "docs/guide/repair.md": Ahead,
    "docs/guide/by-hand.md": World,
    "docs/guide/troubleshooting.md": Synced,
    "docs/tester.md": World,
    "docs/deploy/fly.md": Fly,
    "docs/deploy/railway.md": Railway,
    "docs/deploy/compose.md": Compose,
    "docs/deploy/systemd.md": Systemd,
    "docs/deploy/kubernetes.md": Kubernetes,
    "docs/operator/first-hour.md": World,
    "docs/operator/upgrades.md": Synced,
    "docs/operator/abuse.md": Synced,
    "docs/operator/migration.md": Operator,
    "docs/operator/privacy.md": Operator,
    "docs/OPERATING.md": Operator,
}


def of(path):
    return PAGES[path]()
