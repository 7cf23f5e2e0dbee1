from __future__ import annotations

import re

from kandil.profiles.published import published_files


def test_the_list_is_sound() -> None:
    listed = published_files()
    assert len(listed.by_sha256) > 250
    for digest, one in listed.by_sha256.items():
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert one.repo.count("/") == 1
        assert one.file.endswith(".gguf")
        assert one.size_bytes is None or one.size_bytes > 0
        assert one.revision is None or re.fullmatch(r"[0-9a-f]{40}", one.revision)
        assert one.verified == (one.sources >= 2)
    for digest, one in listed.by_other_sha256.items():
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert digest != one.sha256


def test_only_a_verified_file_of_that_very_size_is_alike() -> None:
    listed = published_files()
    known = next(one for one in listed.by_sha256.values() if one.verified and one.size_bytes and "/" not in one.file)
    assert known.size_bytes is not None
    alike = listed.alike(known.file, known.size_bytes)
    assert alike is None or alike.file == known.file
    assert listed.alike(known.file, known.size_bytes + 1) is None
    assert listed.alike("no such file.gguf", known.size_bytes) is None
