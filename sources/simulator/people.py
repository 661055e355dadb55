"""Names and addresses of everybody, in one file beside the tables. Made up from short lists; nobody is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sources.simulator import names
from sources.simulator.arrays import Ints
from sources.simulator.draws import Draws
from sources.simulator.entities import Buyers, Sellers
from sources.simulator.geography import CODES, LOCALE, REGIONS

CHUNK = 200_000
CONSENTS = 0.93
GIVEN = {
    "pt-BR": (
        "Ana", "Bruno", "Camila", "Daniel", "Eduarda", "Felipe", "Gabriela", "Heitor", "Isabela", "João",
        "Larissa", "Marcos", "Natália", "Otávio", "Paula", "Rafael", "Sofia", "Thiago", "Vitória", "Yuri",
    ),
    "en": (
        "Alice", "Brandon", "Carol", "Derek", "Emily", "Frank", "Grace", "Henry", "Irene", "Jack",
        "Kelly", "Liam", "Megan", "Nathan", "Olivia", "Peter", "Rachel", "Sam", "Tara", "Walter",
    ),
}  # fmt: skip
FAMILY = {
    "pt-BR": (
        "Almeida", "Barbosa", "Cardoso", "Dias", "Esteves", "Ferreira", "Gomes", "Lima",
        "Moreira", "Nascimento", "Oliveira", "Pereira", "Ribeiro", "Santos", "Teixeira", "Vieira",
    ),
    "en": (
        "Adams", "Baker", "Carter", "Dixon", "Ellis", "Foster", "Graham", "Hughes",
        "Jensen", "Keller", "Lawson", "Miller", "Norris", "Parker", "Reed", "Turner",
    ),
}  # fmt: skip
SHOPS = ("Casa", "Loja", "Ponto", "Mundo", "Canto", "Empório", "Feira", "Armazém")
SCHEMA = pa.schema([
    ("person_id", pa.string()), ("role", pa.string()), ("name", pa.string()), ("email", pa.string()),
    ("locale", pa.string()), ("time_zone", pa.string()), ("region", pa.string()), ("consent", pa.bool_()),
])  # fmt: skip
_PLAIN = str.maketrans("áàâãéêíóôõúçÁÉÍÓÚ", "aaaaeeioooucAEIOU")


def write_people(path: Path, buyers: Buyers, sellers: Sellers, draws: Draws) -> int:
    """Write ``people.parquet``: one row per seller and buyer, with the raw account ids of the tables. Returns the
    rows.
    """
    rows = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for table in _everybody(buyers, sellers, draws):
            writer.write_table(table.select(SCHEMA.names).cast(SCHEMA))
            rows += table.num_rows
    return rows


def _everybody(buyers: Buyers, sellers: Sellers, draws: Draws) -> Iterator[pa.Table]:
    for low in range(0, sellers.count, CHUNK):
        number = np.arange(low, min(low + CHUNK, sellers.count))
        yield _people("seller", number, names.seller_ids(number), sellers.region[number], draws)
    for low in range(0, buyers.count, CHUNK):
        number = np.arange(low, min(low + CHUNK, buyers.count))
        yield _people("buyer", number, names.buyer_ids(number), buyers.region(number), draws)


def _people(role: str, number: Ints, ids: pa.Array, region: Ints, draws: Draws) -> pa.Table:
    uniform = draws.at(f"people_{role}", int(number[0]) if number.size else 0).random((3, number.size))
    language = np.array([list(GIVEN).index(LOCALE[place.country]) for place in REGIONS])[region]
    given = [name for code in GIVEN for name in GIVEN[code]]
    family = [name for code in GIVEN for name in FAMILY[code]]
    first = language * len(GIVEN["en"]) + (uniform[0] * len(GIVEN["en"])).astype(np.int64)
    last = language * len(FAMILY["en"]) + (uniform[1] * len(FAMILY["en"])).astype(np.int64)
    name = pc.binary_join_element_wise(names.chosen(given, first), names.chosen(family, last), " ")
    if role == "seller":
        name = pc.binary_join_element_wise(names.chosen(SHOPS, number % len(SHOPS)), names.chosen(family, last), " ")
    mailbox = pc.binary_join_element_wise(
        names.chosen([text.translate(_PLAIN).lower() for text in given], first),
        names.chosen([text.translate(_PLAIN).lower() for text in family], last), ids, ".",
    )  # fmt: skip
    return pa.table({
        "person_id": ids,
        "role": pa.array([role]).take(pa.array(np.zeros(number.size, dtype=np.int64))),
        "name": name,
        "email": pc.binary_join_element_wise(mailbox, f"@{role}s.example", ""),
        "locale": names.chosen([LOCALE[place.country] for place in REGIONS], region),
        "time_zone": names.chosen([place.zone for place in REGIONS], region),
        "region": names.chosen(CODES, region),
        "consent": pa.array(uniform[2] < CONSENTS),
    })  # fmt: skip
