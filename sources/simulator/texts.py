"""What people write. Our own phrases, by language, matter and mood."""

from __future__ import annotations

MOODS = ("calm", "worried", "angry")
TOPICS = ("not_as_described", "not_sent", "where_is_it", "late", "question")
"""In the order of the reasons in ``problems``."""

CONTACTS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    "en": {
        "not_as_described": (
            (
                "Hello, the item differs from the pictures. How can I send it back?",
                "The colour is not the one shown. Can I swap it?",
            ),
            (
                "I am not sure this is what I ordered, it looks smaller than described.",
                "The material is not what the page says. What can I do?",
            ),
            ("This is nothing like the description! I want my money back.", "Very misleading listing. I feel cheated."),
        ),
        "not_sent": (
            ("Hi, could you tell me when my order will be sent?", "My order still says preparing. Is all well?"),
            ("It should have been shipped by now. Is there a problem?", "Still not sent. I need it for a birthday."),
            ("Days have passed and you have not even shipped it!", "Why take my money if you do not send anything?"),
        ),
        "where_is_it": (
            (
                "Hello, where is my parcel? The tracking has not moved.",
                "Any news of my parcel? No update for some days.",
            ),
            ("The tracking has been stuck for days. Is it lost?", "I am worried, nothing has moved since last week."),
            ("Where is my parcel?! Nobody answers.", "The tracking is dead. Find my parcel!"),
        ),
        "late": (
            ("My order was due already. When will it come?", "The promised day has passed, could you check?"),
            (
                "It is late and I have no news. Will it still arrive?",
                "I had counted on the promised date. What happened?",
            ),
            (
                "You promised a date and did not keep it. Unacceptable!",
                "Late again! I want a refund if it is not here tomorrow.",
            ),
        ),
        "question": (
            ("Can I change the delivery address?", "Could you send me the invoice, please?"),
            ("Is someone going to be told before delivery?", "Will it fit through a mailbox? Not sure I will be home."),
            ("Your site shows nothing useful about my order.", "I have asked before: send me the invoice."),
        ),
    },
    "pt-BR": {
        "not_as_described": (
            (
                "Olá, o produto é diferente das fotos. Como faço para devolver?",
                "A cor não é a do anúncio. Posso trocar?",
            ),
            (
                "Não sei se foi isto que comprei, parece menor que na descrição.",
                "O material não é o do anúncio. O que posso fazer?",
            ),
            ("Não tem nada a ver com o anúncio! Quero meu dinheiro de volta.", "Anúncio enganoso. Me sinto lesado."),
        ),
        "not_sent": (
            ("Oi, quando meu pedido será enviado?", "O pedido ainda está em preparação. Está tudo certo?"),
            (
                "Já deveria ter sido postado. Aconteceu alguma coisa?",
                "Ainda não foi enviado e preciso para um aniversário.",
            ),
            ("Passaram dias e vocês nem postaram!", "Para que cobram se não enviam nada?"),
        ),
        "where_is_it": (
            ("Olá, onde está minha encomenda? O rastreio não anda.", "Alguma notícia? Sem atualização há alguns dias."),
            ("O rastreio está parado há dias. Foi extraviado?", "Estou preocupada, nada mudou desde a semana passada."),
            ("Cadê meu pacote?! Ninguém responde.", "O rastreio morreu. Achem minha encomenda!"),
        ),
        "late": (
            ("Meu pedido já deveria ter chegado. Quando chega?", "A data prometida passou, podem verificar?"),
            ("Está atrasado e não tenho notícia. Ainda vai chegar?", "Eu contava com a data prometida. O que houve?"),
            (
                "Prometeram uma data e não cumpriram. Inaceitável!",
                "Atrasado de novo! Se não chegar amanhã quero reembolso.",
            ),
        ),
        "question": (
            ("Posso mudar o endereço de entrega?", "Podem me enviar a nota fiscal, por favor?"),
            ("Alguém avisa antes da entrega?", "Não sei se estarei em casa. Podem deixar na portaria?"),
            ("O site não mostra nada de útil do meu pedido.", "Já pedi antes: enviem a nota fiscal."),
        ),
    },
}

REVIEWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("Terrible. Would not buy again.", "Nothing as promised.", "One star is too many."),
        ("Disappointing.", "Not what I expected.", "Had to wait and wait."),
        ("It is all right.", "Average, nothing special."),
        ("Good, as described.", "Nice product, well packed."),
        ("Excellent, arrived in time!", "Perfect, thank you.", "Love it."),
    ),
    "pt-BR": (
        ("Péssimo. Não compro mais.", "Nada como prometido.", "Uma estrela já é muito."),
        ("Decepcionante.", "Não era o que eu esperava.", "Esperei demais."),
        ("Razoável.", "Mediano, nada de especial."),
        ("Bom, como descrito.", "Produto bom, bem embalado."),
        ("Excelente, chegou no prazo!", "Perfeito, obrigada.", "Adorei."),
    ),
}
"""By language and score, from one star to five."""


def contact_texts(language: str) -> tuple[list[str], list[list[list[int]]]]:
    """All phrases of a language in one list, and the places of those for each topic and mood."""
    phrases: list[str] = []
    places: list[list[list[int]]] = []
    for topic in TOPICS:
        by_mood = []
        for mood in CONTACTS[language][topic]:
            by_mood.append(list(range(len(phrases), len(phrases) + len(mood))))
            phrases.extend(mood)
        places.append(by_mood)
    return phrases, places
