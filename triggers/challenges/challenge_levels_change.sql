-- When levels of challenges are added, moved or deleted, or pay differently: this blocks learners.
create or replace trigger challenge_levels_change
  before insert or update of challenge_id, level_number, xp_reward, hints or delete
  on learn.challenge_levels
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenge_levels_change on learn.challenge_levels is
  'A change blocks learners.';
