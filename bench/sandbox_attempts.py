"""What somebody tries who wants out of the sandbox. Each prints ESCAPED where it succeeds.

`$WORDS` are put in from the host, so that an attempt knows exactly where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way out, as a script."""

    name: str
    code: str
    tool: Literal["python", "shell"] = "python"
    limit: str = ""
    """The limit that must end it; empty where it just finds nothing."""

    def code_for(self, words: Mapping[str, str]) -> str:
        """The script with what is known of the host."""
        return Template(self.code).substitute(words)


_CONNECT = """
import socket
s = socket.socket({kind})
s.settimeout(1)
s.connect({where})
print("ESCAPED")
"""

_CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
{work}
"""

ATTEMPTS = (
    Attempt(
        name="TCP to the host",
        code=_CONNECT.format(kind="socket.AF_INET", where='("127.0.0.1", $TCP_PORT)'),
    ),
    Attempt(
        name="TCP to the world",
        code=_CONNECT.format(kind="socket.AF_INET", where='("192.0.2.1", 80)'),
    ),
    Attempt(
        name="UDP to the host",
        code="""
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", $UDP_PORT))
""",
    ),
    Attempt(
        name="DNS",
        code='import socket\nprint("ESCAPED", socket.getaddrinfo("example.com", 80))',
    ),
    Attempt(
        name="Unix socket by path",
        code=_CONNECT.format(kind="socket.AF_UNIX", where='"$FOLDER/socket"'),
    ),
    Attempt(
        name="Unix socket by abstract name",
        code=_CONNECT.format(kind="socket.AF_UNIX", where='"\\\\0" + "$FOLDER".rpartition("/")[2]'),
    ),
    Attempt(name="raw packets", code="import socket\nsocket.socket(17, 3)\nprint('ESCAPED')"),
    Attempt(name="a file of the host", code='print("ESCAPED", open("$FOLDER/secret.txt").read())'),
    Attempt(
        name="password hashes", tool="shell", code="cat /etc/shadow /etc/passwd && echo ESCAPED"
    ),
    Attempt(
        name="the home",
        code="""
import os
for place in ("$HOME", "/home", "/root", "/var", "/run", "/mnt", "/srv", "/opt/venv"):
    if os.path.isdir(place) and os.listdir(place):
        print("ESCAPED", place)
""",
    ),
    Attempt(
        name="secrets of the environment",
        tool="shell",
        code="env; cat /proc/*/environ; set | grep -q '$SECRET' && echo ESCAPED; true",
    ),
    Attempt(
        name="fork bomb",
        code="""
import os, time
count = 0
try:
    while count < 500:
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        count += 1
except OSError:
    pass
if count > 16:
    print("ESCAPED", count)
""",
    ),
    Attempt(
        name="memory of one process",
        code='x = bytearray(400_000_000)\nprint("ESCAPED")',
    ),
    Attempt(
        name="memory of many processes",
        limit="memory_bytes",
        code="""
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(b"x") * 100_000_000
        time.sleep(10)
time.sleep(10)
print("ESCAPED")
""",
    ),
    Attempt(
        name="memory that nobody is charged with",
        code=_CALL.format(
            work="""
handle = os.memfd_create("x")
print("ESCAPED", handle)
"""
        ),
    ),
    Attempt(
        name="disk",
        code="""
import os
size = 0
try:
    for place in ("/work", "/tmp", "/dev/shm", "/", "/var/tmp"):
        for n in range(100):
            try:
                with open(f"{place}/f{n}", "wb") as f:
                    size += f.write(b"x" * 4_000_000)
            except OSError:
                break
finally:
    if size > 25_000_000:
        print("ESCAPED", size)
for n in range(100):
    for place in ("/work", "/tmp"):
        if os.path.exists(f"{place}/f{n}"):
            os.remove(f"{place}/f{n}")
""",
    ),
    Attempt(
        name="a file beyond its size",
        code="""
with open("big", "wb", buffering=0) as f:
    while f.tell() < 6_000_000:
        f.write(b"x" * 1_000_000)
print("ESCAPED")
""",
    ),
    Attempt(
        name="files without number",
        limit="files",
        code="""
import os
os.mkdir("d")
n = 0
while True:
    os.mkdir(f"d/{n}")
    n += 1
""",
    ),
    Attempt(
        name="signals to the host",
        code="""
import os, signal
for pid in ($VICTIM, 1, os.getppid()):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        print(error)
os.kill(-1, signal.SIGTERM)
""",
    ),
    Attempt(
        name="/proc of others",
        code="""
import os
seen = [int(n) for n in os.listdir("/proc") if n.isdigit()]
if len(seen) > 2 or $VICTIM in seen and $VICTIM > 20:
    print("ESCAPED", seen)
print(open("/proc/1/environ").read(), os.listdir("/proc/1/root"))
print("ESCAPED")
""",
    ),
    Attempt(
        name="the first process's files",
        tool="shell",
        code="ls /proc/1/fd/ && cat /proc/1/mem >/dev/null && echo ESCAPED",
    ),
    Attempt(
        name="setuid programs",
        tool="shell",
        code="""
for p in $$(find /usr/bin /usr/sbin -perm -4000 2>/dev/null); do
  case "$$p" in *su|*sudo) "$$p" -c 'id -u' </dev/null | grep -qx 0 && echo ESCAPED;; esac
done
cp /bin/sh ./sh && chmod 4755 ./sh && ./sh -p -c 'id -u' | grep -qx 0 && echo ESCAPED
rm -f ./sh
""",
    ),
    Attempt(name="becoming root", code="import os\nos.setuid(0)\nprint('ESCAPED')"),
    Attempt(
        name="ptrace",
        code=_CALL.format(work='if libc.ptrace(16, 1, 0, 0) == 0: print("ESCAPED")'),
    ),
    Attempt(
        name="mount",
        code=_CALL.format(
            work='if libc.mount(b"x", b"/work", b"tmpfs", 0, 0) == 0: print("ESCAPED")'
        )
        + 'if libc.umount2(b"/proc", 2) == 0: print("ESCAPED")\n',
    ),
    Attempt(name="chroot", code="import os\nos.chroot('/tmp')\nprint('ESCAPED')"),
    Attempt(
        name="a namespace of one's own",
        tool="shell",
        code="unshare -Ur id && echo ESCAPED; unshare -m true && echo ESCAPED; true",
    ),
    Attempt(
        name="device files",
        code="""
import os, stat
for path in ("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse"):
    try:
        open(path, "rb").read(1)
        print("ESCAPED", path)
    except OSError as error:
        print(error)
os.mknod("/work/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
print("ESCAPED")
""",
    ),
    Attempt(
        name="a link out of the workspace",
        tool="shell",
        code="""
ln -s '$FOLDER/secret.txt' link; ln -s / root; ln -s /etc/shadow shadow
ln '$FOLDER/secret.txt' hard && echo ESCAPED
mkdir deep && ln -s '$FOLDER' deep/folder; mkfifo pipe; true
""",
    ),
    Attempt(
        name="output flood",
        limit="output_bytes",
        code='import sys\nwhile True: sys.stdout.write("x" * 100_000)',
    ),
    Attempt(
        name="time",
        limit="seconds",
        code="""
import signal, time
for n in range(1, 32):
    try:
        signal.signal(n, signal.SIG_IGN)
    except OSError:
        pass
while True:
    time.sleep(1)
""",
    ),
    Attempt(
        name="living on in the background",
        tool="shell",
        code="(setsid nohup sleep 300 >/dev/null 2>&1 &) ; (trap '' HUP TERM; sleep 300 &) ; true",
    ),
    Attempt(
        name="writing to the system",
        tool="shell",
        code="""
for f in /x /usr/bin/x /etc/x /bin/x /lib/x /dev/x /dev/shm/x /proc/sys/kernel/hostname; do
  (echo x > "$$f") 2>/dev/null && echo "ESCAPED $$f"
done; true
""",
    ),
    Attempt(
        name="the kernel's keys",
        code=_CALL.format(
            work="""
number = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
if libc.syscall(number[0], 0, -3, 0) >= 0:
    print("ESCAPED", "session keyring")
if libc.syscall(number[1], b"user", b"x", b"y", 1, -3) >= 0:
    print("ESCAPED", "key added")
"""
        ),
    ),
    Attempt(
        name="io_uring, bpf, perf",
        code=_CALL.format(
            work="""
for number in {"x86_64": (425, 321, 298, 323), "aarch64": (425, 280, 241, 282)}[os.uname().machine]:
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != 1:
        print("ESCAPED", number)
"""
        ),
    ),
    Attempt(
        name="typing into the terminal",
        code="""
import fcntl, termios
with open("/dev/tty", "w") as terminal:
    fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
print("ESCAPED")
""",
    ),
)
"""Those that name a limit must be ended by it; the others find what they want nowhere."""
