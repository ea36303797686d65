-- A program of layout 2 that still runs would not see what is in `recent`: under another name it settles nothing more.
ALTER TABLE changes RENAME TO settled
