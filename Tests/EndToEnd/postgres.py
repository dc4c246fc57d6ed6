"""A private PostgreSQL server on loopback for one test: a folder, a port and a password of its own. A missing server fails loudly."""
import json, os, pathlib, shutil, socket, subprocess, tempfile


class Postgres:
    def __init__(self, password):
        self.password = password

    def __enter__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, 'no PostgreSQL server under /usr/lib/postgresql: install the Debian package "postgresql" (scripts/setup test)'
        self.programs = found[-1].parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-pg-"))
        # initdb and the server refuse to run as root.
        self.runner = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.runner:
            shutil.chown(self.folder, "postgres")
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def _start(self):
        word = self.folder / "password"
        word.write_text(self.password)
        if self.runner:
            shutil.chown(word, "postgres")
        self._run("initdb", "-D", self.folder / "data", "-U", "gatehouse", f"--pwfile={word}", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
        word.unlink()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"postgresql://gatehouse:{self.password}@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-t", "60", "-s", "-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "-s", "stop")

    def rows(self, query):
        """What the query selects, as dictionaries."""
        done = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url, "-c", f"SELECT coalesce(json_agg(t), '[]') FROM ({query}) t"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def execute(self, statement, seconds=60):
        done = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url, "-c", statement], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=seconds)
        assert done.returncode == 0, done.stderr

    def create_database(self, name):
        """The URL of a new, empty database."""
        self.execute(f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + "/" + name

    def _run(self, program, *arguments):
        # The server keeps its standard streams open, so they must be nobody's pipe.
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                [*self.runner, self.programs / program, *arguments], cwd="/tmp", stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, timeout=90)
            errors.seek(0)
            assert done.returncode == 0, f"{program}: {errors.read().decode()}"

    def __exit__(self, *_):
        try:
            if (self.folder / "data" / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self.folder)
