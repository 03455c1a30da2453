# SPDX-License-Identifier: Apache-2.0
"""
What the support desk has learnt: three small things, trained from the rows in under a second.

    intent   what does somebody want?               a classifier with a score for each intent
    reply    what was said to the nearest question? retrieval by cosine similarity
    embed    where does a text lie?                 TF-IDF, brought down to a few dimensions

Two versions exist, as when a team ships a better model: version 1 sees words and decides by
naive Bayes, version 2 sees pieces of words, so that it forgives typing errors, decides by
logistic regression and opens its replies with a sentence of its own. Both answer the same
text with the same bytes every time. Vectors are the same in both versions, since a client
compares the vectors that it got on different days.
"""

from typing import Dict, List, NamedTuple

import numpy
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import normalize

from data import Row

VERSIONS = (1, 2)
DIMENSIONS = 64  # enough to bring texts of one intent together, and short to print
LEAST_LIKENESS = {1: 0.10, 2: 0.12}  # below it, the nearest question is a coincidence
UNSURE = {1: "Sorry, I do not know that one.", 2: "That one is new to me."}

OPENINGS = {
    "refund": "About your money:",
    "shipping": "About your delivery:",
    "cancellation": "About cancelling:",
    "billing": "About the bill:",
    "login": "About signing in:",
    "address_change": "About the address:",
    "damaged_item": "About the damage:",
    "warranty": "About the warranty:",
    "product_question": "Good question.",
    "human_agent": "I hear you.",
}


class Intent(NamedTuple):
    label: str
    score: float
    scores: Dict[str, float]


def words() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")


def pieces() -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, strip_accents="unicode"
    )


class Model:
    def __init__(self, rows: List[Row], version: int):
        questions = [row.question for row in rows]
        texts = questions + [row.answer for row in rows]

        self.version = version
        self.rows = rows
        self.features = words() if version == 1 else pieces()
        self.features.fit(texts)
        self.known = self.features.transform(questions)
        self.meant = numpy.array([row.intent for row in rows])
        if version == 1:
            self.classifier = MultinomialNB(alpha=0.1)
        else:
            self.classifier = LogisticRegression(C=20.0, max_iter=100, tol=1e-3)
        # Answers teach as well as questions do: they are about the same thing.
        self.classifier.fit(self.features.transform(texts), numpy.tile(self.meant, 2))
        self.map = words()
        self.plane = TruncatedSVD(DIMENSIONS, n_iter=3, random_state=7)
        self.plane.fit(self.map.fit_transform(texts))

    def intent(self, text: str) -> Intent:
        odds = self.classifier.predict_proba(self.features.transform([text]))[0]
        scores = {
            str(label): round(float(p), 6) for label, p in zip(self.classifier.classes_, odds)
        }
        label = max(scores, key=scores.get)
        return Intent(label, scores[label], scores)

    def replies(self, text: str, count: int) -> List[str]:
        """
        The `count` best replies, best first; equal ones in the order of the file. A question
        of a likely intent counts for up to twice, so that "broken" outweighs "headphones".
        """
        scores = self.intent(text).scores
        likeness = (self.known @ self.features.transform([text]).T).toarray().ravel()
        weight = numpy.array([1.0 + scores[intent] for intent in self.meant])
        nearest = numpy.argsort(-likeness * weight, kind="stable")[:count]
        return [
            self.say(self.rows[at]) if likeness[at] >= LEAST_LIKENESS[self.version]
            else UNSURE[self.version]
            for at in nearest
        ]

    def say(self, row: Row) -> str:
        if self.version == 1:
            return row.answer
        opening = OPENINGS.get(row.intent)
        return f"{opening} {row.answer}" if opening else row.answer

    def embed(self, texts: List[str], dimensions: int = DIMENSIONS) -> numpy.ndarray:
        """Rows of unit length; a text without a known word lies in the origin."""
        vectors = self.plane.transform(self.map.transform(texts))[:, :dimensions]
        return normalize(vectors).astype("<f4")
