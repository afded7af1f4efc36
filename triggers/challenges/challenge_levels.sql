-- What happens when rows of learn.challenge_levels are written, in the order in which triggers fire.

-- When levels of challenges are added, moved or deleted, or pay differently: this blocks learners.
create or replace trigger challenge_levels_change
  before insert or update of challenge_id, level_number, xp_reward, hints or delete
  on learn.challenge_levels
  for each statement
  execute function learn_internal.change_content();

-- When levels of challenges are deleted: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');

-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');

-- When levels of challenges are moved: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');
