from aethergrid_pipelines.capture.account import MAX_REASONS, OTHER_REASONS, Account, FileAccount, ImportReport


def _account() -> Account:
    account = Account(read=10, stored=4, updated=1, merged=3, rejected=1)
    account.skip("title", 2)
    account.tell(["github-token", "jwt"], redacted=True)
    account.tell(["jwt"], redacted=False)
    return account


def test_read_is_stored_and_merged_and_skipped_and_rejected() -> None:
    account = _account()
    assert account.adds_up()
    account.read += 1
    assert not account.adds_up()


def test_no_more_can_be_updated_than_was_stored() -> None:
    account = _account()
    account.updated = 5
    assert not account.adds_up()


def test_reasons_without_end_are_counted_together() -> None:
    account = Account()
    for number in range(MAX_REASONS + 50):
        account.skip(f"unknown type {number}")
    account.skip("unknown type 0")
    assert len(account.skipped) == MAX_REASONS + 1
    assert account.skipped[OTHER_REASONS] == 50
    assert account.skipped["unknown type 0"] == 2


def test_the_total_is_the_sum_of_the_files() -> None:
    report = ImportReport([FileAccount("a", account=_account()), FileAccount("b", account=_account(), error="gone")])
    assert report.total.as_json() == {
        "read": 20,
        "stored": 8,
        "updated": 2,
        "merged": 6,
        "skipped": {"title": 4},
        "rejected": 2,
        "redacted": {"github-token": 2, "jwt": 2},
        "flagged": {"jwt": 2},
    }
    assert [file.path for file in report.errors] == ["b"]
    assert report.adds_up()
    report.files[0].account.read = 0
    assert not report.adds_up()
