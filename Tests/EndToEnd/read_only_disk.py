"""A file system in a file that can be made read-only under an open database, as a failing disk is: the kernel does it after a fault."""
import contextlib, os, pathlib, subprocess

import pytest


def run(*words, ok=(0,)):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)
    assert done.returncode in ok, (words, done.stdout, done.stderr)
    return done.stdout


class Disk:
    def __init__(self, folder):
        # Namespaces that other programs make meanwhile get a copy of a mount, which has to go away with it: so the folder above is shared.
        self.image, self.shared = folder / "disk.img", folder / "shared"
        self.folder = self.shared / "disk"
        self.folder.mkdir(parents=True)
        run("mount", "--bind", self.shared, self.shared)
        try:
            run("mount", "--make-shared", self.shared)
            with open(self.image, "wb") as file:
                file.truncate(32 << 20)
            run("mkfs.ext4", "-q", "-O", "^has_journal", self.image)
            self.mount()
        except AssertionError:
            self.close()
            raise

    def mount(self):
        run("mount", "-o", "loop,errors=remount-ro", self.image, self.folder)
        device = next(line.split()[0] for line in open("/proc/mounts") if line.split()[1] == str(self.folder))
        self.fault = pathlib.Path("/sys/fs/ext4") / pathlib.Path(device).name / "trigger_fs_error"

    def fail(self):
        assert self.fault.parent.name.startswith("loop"), "only ever our own"
        self.fault.write_text("a fault of a test\n")

    def mend(self):
        """Nobody may have a file on it open."""
        run("umount", self.folder)
        run("e2fsck", "-p", self.image, ok=(0, 1))
        self.mount()

    def close(self):
        with contextlib.suppress(AssertionError):
            run("umount", self.folder)
        run("umount", self.shared)


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0 or not pathlib.Path("/dev/loop-control").exists() or not pathlib.Path("/sys/fs/ext4").exists():
        pytest.skip("NOT TESTED: a file system of our own needs root, loop devices and ext4")
    try:
        made = Disk(tmp_path)
    except AssertionError as refusal:
        pytest.skip(f"NOT TESTED: no file system of our own here: {refusal}")
    if not os.access(made.fault, os.W_OK):
        made.close()
        pytest.skip("NOT TESTED: the kernel takes no faults for a file system here (/sys is read-only)")
    yield made
    made.close()
