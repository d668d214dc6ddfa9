"""The database that the programs of this page load from: it takes its time, and counts."""

import sqlite3
import threading
import time


class Books:
    """Titles by category. Its reads take as long as a slow query's."""

    def __init__(self, database: str) -> None:
        self.db = sqlite3.connect(database, check_same_thread=False)
        self.reads, self.one = 0, threading.Lock()

    def __call__(self, category: str) -> list[str]:
        time.sleep(0.2)
        with self.one:
            self.reads += 1
            rows = self.db.execute("SELECT title FROM books WHERE category = ?", (category,)).fetchall()
        return [title for (title,) in rows]

    def write(self, category: str, title: str) -> None:
        """Commit a title in place of those of a category."""
        with self.one, self.db:
            self.db.execute("UPDATE books SET title = ? WHERE category = ?", (title, category))
