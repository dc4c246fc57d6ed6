"""PostgreSQL on loopback, never the machine's own: a database on the server that a run shares, or a whole server for a test that stops it.
A missing PostgreSQL fails loudly."""
import json, os, pathlib, secrets, shutil, socket, subprocess, tempfile


class Asked:
    """What is read from and told to the database at `url` with PostgreSQL's own programs."""

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

    def create_database(self):
        """The URL of a new, empty database."""
        name = "made_" + secrets.token_hex(6)
        self.execute(f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + "/" + name


class Postgres(Asked):
    """A server with a folder, a port and a password of its own."""

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


class Database(Asked):
    """A new database on a server that all tests of this process share. It starts for the first of them; `Database.close()` ends it."""

    server = None

    def __enter__(self):
        if Database.server is None:
            Database.server = Postgres("only-for-tests").__enter__()
        self.programs = Database.server.programs
        self.made = [Database.server.create_database()]
        self.url = self.made[0]
        return self

    def create_database(self):
        self.made.append(super().create_database())
        return self.made[-1]

    def __exit__(self, *_):
        for url in self.made:
            Database.server.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")

    @classmethod
    def close(cls):
        if cls.server is not None:
            cls.server.__exit__()
            cls.server = None
