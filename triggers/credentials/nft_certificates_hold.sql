-- Before certificates are written: content is held.
create or replace trigger nft_certificates_hold
  before insert or update of course_id on learn.nft_certificates
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger nft_certificates_hold on learn.nft_certificates is 'Keeps content as it is.';
