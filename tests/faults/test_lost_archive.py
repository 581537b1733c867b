"""The server's database is lost, set back or exchanged after it has acknowledged something."""

from __future__ import annotations

import shutil

import pytest
from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.served import ServerProcess, turn
from fakes.waiting import until_now
from faults.oracle import Archive, Key, Ledger, Model, check

from lethe_collector.status import read_status


class Site:
    """A machine, its collector, and a server whose database may come and go."""

    def __init__(self, place):
        self.place = place
        self.server = ServerProcess(place)
        self.machine = Machine(place, self.server)
        self.collector = CollectorProcess(place, self.machine.config_file)
        self._write_token()

    def _write_token(self):
        self.machine.token_file.write_text(self.server.secret)

    def collect(self, **options):
        """Archive all that is there; return the exit code and the log."""
        code, _, log = self.collector.run("daemon", "--exit-when-idle", **options)
        return code, log

    def lose(self):
        """Lose the database; somebody makes a new token for the collector."""
        self.server.kill()
        shutil.rmtree(self.server.data)
        self.server.make_token()
        self._write_token()
        self.server.start()

    def copy(self):
        """Copy the database's file by hand, while no server runs."""
        self.server.stop()
        shutil.copy(self.server.database, self.place / "copy.db")
        self.server.start()

    def set_back(self):
        """Put the copy in its place again, by hand."""
        self.server.kill()
        for path in self.server.data.glob("lethe.db*"):
            path.unlink()
        shutil.copy(self.place / "copy.db", self.server.database)
        self.server.start()

    def check(self, *paths):
        """Ask the oracle about transcripts."""
        model = Model()
        for path in paths:
            count = len(path.read_bytes().splitlines())
            model.owe(Key(path.stem, f"{path.stem}-{n}-0") for n in range(1, count + 1))
        ledger = Ledger.read(self.machine.state_dir)
        turns = {name: ids for name, ids in self.server.turns().items() if name != "other"}
        check(model, Archive(turns, ledger.dead, ledger.waiting))

    def status(self):
        """What `status` tells after a single run."""
        return read_status(self.machine.state_dir, after_run=True)


@pytest.fixture
def site(tmp_path):
    """A site whose server runs."""
    site = Site(tmp_path)
    site.server.start()
    yield site
    site.server.kill()


@pytest.mark.promise("S19", "P3", "P4", "O4")
def test_s19_a_lost_database_is_filled_again(site):
    """Without anything new to send, a run notices that the archive is empty, and sends all."""
    paths = [site.machine.transcript(name).fill(30).path for name in ("one", "two")]
    assert site.collect()[0] == 0
    first = site.status()
    site.lose()
    code, log = site.collect()
    status = site.status()

    assert first["archive_lost"] is None
    assert code == 0, log
    assert "was lost or set back" in log
    assert (status["archive_lost"]["sources"], status["archive_lost"]["lost"]) == (2, 0)
    site.check(*paths)
    assert site.collect()[1].count("was lost or set back") == 0


@pytest.mark.promise("S19", "P3")
def test_s19_a_running_daemon_notices_with_the_next_turn(site):
    """A daemon that goes on meanwhile sends everything again when it has something to send."""
    one = site.machine.transcript("one").fill(20)
    two = site.machine.transcript("two").fill(20)
    daemon = site.collector.start("daemon")
    try:
        until_now(lambda: sum(map(len, site.server.turns().values())) == 40, 60)
        site.lose()
        one.append(text="news")
        until_now(lambda: sum(map(len, site.server.turns().values())) == 41, 60)
    finally:
        daemon.terminate()
        daemon.communicate(timeout=60)

    site.check(one.path, two.path)


@pytest.mark.promise("S19", "O1", "P3")
def test_s19_a_database_that_was_set_back_and_has_overtaken(site):
    """An older copy that was put back by hand is noticed, however much was written to it since."""
    one = site.machine.transcript("one").fill(5)
    site.collect()
    site.copy()
    for _ in range(3):
        one.append(text="lost")
        assert site.collect()[0] == 0
    site.set_back()
    for number in range(10):
        site.server.send(turn("other", number, host="elsewhere"))
    lacking = site.server.turns()["one"]
    code, log = site.collect()

    assert len(lacking) == 5
    assert code == 0, log
    site.check(one.path)


@pytest.mark.promise("S19", "P4")
def test_s19_a_copy_that_lacks_nothing_is_no_loss(site):
    """Where the copy has all that was acknowledged, nothing is read again."""
    site.machine.transcript("one").fill(5)
    site.collect()
    site.copy()
    site.set_back()
    code, log = site.collect()

    assert (code, "lost or set back" in log) == (0, False)
    assert site.status()["archive_lost"] is None


@pytest.mark.promise("S19", "P3", "O4")
def test_s19_what_is_gone_is_counted_and_the_outbox_is_delivered(site):
    """The outbox survives; of a source that is gone, the turns that were lost are told."""
    gone = site.machine.transcript("gone").fill(12)
    waiting = site.machine.transcript("waiting").fill(3)
    kept = site.machine.transcript("kept").fill(4)
    site.collect()
    site.server.kill()
    waiting.fill(2)
    assert site.collect()[0] == 1
    gone.path.unlink()
    waiting.path.unlink()
    site.lose()
    code, log = site.collect()
    status = site.status()
    _, told = site.server.ask("/api/v1/hosts/box/completeness")
    turns = site.server.turns()

    assert code == 2, log
    assert turns["waiting"] == ["waiting-4-0", "waiting-5-0"]
    assert "gone" not in turns
    assert status["tools"]["toy"]["lost_turns"] == 12 + 3
    assert any("15 turns were lost" in sentence for sentence in status["attention"])
    assert (told["complete"], told["lost_turns"]) == (False, 15)
    assert turns["kept"] == [f"kept-{n}-0" for n in range(1, 5)]
    assert kept.path.exists()


@pytest.mark.promise("S19", "P3")
def test_s19_a_source_that_comes_back_is_read_again(site):
    """A disk that was away when the loss was noticed brings its sources back: nothing is lost."""
    path = site.machine.transcript("one").fill(12).path
    site.collect()
    away = path.rename(site.place / "away.jsonl")
    site.collect()
    site.lose()
    lost = (site.collect()[0], site.status()["tools"]["toy"]["lost_turns"])
    away.rename(path)
    code, log = site.collect()
    tool = site.status()["tools"]["toy"]

    assert lost == (2, 12)
    assert code == 0, log
    assert (tool["lost_turns"], tool["turns"]) == (0, 12)
    site.check(path)


@pytest.mark.promise("S19", "P11", "P2")
@pytest.mark.parametrize("place", ["before", "middle", "after"])
def test_s19_killed_while_it_begins_anew(site, place):
    """Killed while cursors are set back, a collector sets them back again, or has done so."""
    one = site.machine.transcript("one").fill(30)
    site.collect()
    site.lose()
    one.append(text="news")
    killed, _ = site.collect(fail=f"archive.anew.{place}=kill")
    code, log = site.collect()

    assert killed == -9
    assert code == 0, log
    site.check(one.path)


@pytest.mark.promise("S19", "P3")
def test_s19_another_server_gets_all(site, tmp_path):
    """A collector that is led to another server sends everything there, too."""
    path = site.machine.transcript("one").fill(8).path
    site.collect()
    site.server.stop()
    (tmp_path / "second").mkdir()
    second = ServerProcess(tmp_path / "second")
    config = site.machine.config_file
    config.write_text(config.read_text().replace(site.server.url, second.url))
    site.server = second
    site.machine.token_file.write_text(second.secret)
    second.start()
    code, log = site.collect()

    assert code == 0, log
    site.check(path)
