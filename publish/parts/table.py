"""The one table of parts, in the order in which they are checked and added to the site. The press is handed it."""

from publish.parts import (
    benchmarks,
    deck,
    exercises,
    faults_page,
    handout,
    keys,
    lesson_strip,
    library_page,
    matrix,
    quiz,
    tree_page,
)

PARTS = (
    lesson_strip.PART,
    library_page.PART,
    quiz.PART,
    deck.PART,
    matrix.PART,
    tree_page.PART,
    keys.PART,
    benchmarks.PART,
    exercises.PART,
    faults_page.PART,
    handout.PART,
)
