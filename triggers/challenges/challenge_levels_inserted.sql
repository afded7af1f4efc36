-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');
comment on trigger challenge_levels_inserted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';
