-- What happens when rows of learn_internal.archived_facts are written: nobody does so by hand, nor empties it.
-- Errors: LX009, LX010.
create or replace trigger refuse_by_hand
  before insert or update or delete on learn_internal.archived_facts
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'What is old comes here by learn.archive_before(), and back by learn.attach_archive().');

create or replace trigger archived_facts_truncate
  before truncate on learn_internal.archived_facts
  for each statement
  execute function learn_internal.refuse_truncate();
