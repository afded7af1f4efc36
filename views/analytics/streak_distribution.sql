-- Streaks by length. A function counts them: a view cannot keep PostgreSQL from compiling its plan, which
-- would take longer than to run it.
create or replace view learn.streak_distribution as
select s.days, s.learners, s.learners_at_longest
from learn.streak_lengths() s;
comment on view learn.streak_distribution is
  'Per length of a streak in days: learners whose streak is so long as of their today, and learners '
  'whose longest one is.';
grant select on learn.streak_distribution to learn_app, learn_readonly;
