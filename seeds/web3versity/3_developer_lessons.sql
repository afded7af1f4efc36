-- The lessons of the Developer track, in the same form as those of the Explorer track.
select learn_internal.use_product('web3versity');

with lessons
  (course, sequence_number, slug, title, lesson_type, xp_reward, estimated_minutes, content)
as (values
  ('first-smart-contract', 1, 'what-a-contract-does', 'What a contract does', 'text', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "A smart contract is a program with an address. It keeps values between calls, receives money, and does what its code says for anybody who calls it. It cannot be changed once it is deployed."}]}$$::jsonb),
  ('first-smart-contract', 2, 'state-and-functions', 'State and functions', 'code', 40, 30,
    $${"blocks": [
      {"type": "text", "text": "State variables live on chain. A view function reads them and costs nothing to call; any other call is a transaction."},
      {"type": "code", "language": "solidity", "code": "pragma solidity ^0.8.20;\n\ncontract Counter {\n    uint256 public count;\n\n    function increment() external {\n        count += 1;\n    }\n}"},
      {"type": "task", "text": "Add decrement(). It must fail when count is 0."}]}$$),
  ('first-smart-contract', 3, 'who-may-call', 'Who may call', 'code', 40, 30,
    $${"blocks": [
      {"type": "text", "text": "msg.sender is who calls. Note the owner in the constructor, and ask for it in a modifier."},
      {"type": "code", "language": "solidity", "code": "error NotOwner();\n\naddress public immutable owner = msg.sender;\n\nmodifier onlyOwner() {\n    if (msg.sender != owner) revert NotOwner();\n    _;\n}"},
      {"type": "task", "text": "Let only the owner reset the counter."}]}$$),
  ('first-smart-contract', 4, 'testing-a-contract', 'Testing a contract', 'code', 45, 35,
    $${"blocks": [
      {"type": "text", "text": "Test what must not happen as much as what must: a call by a stranger, the value 0, the largest value."},
      {"type": "code", "language": "solidity", "code": "function test_StrangerCannotReset() public {\n    vm.prank(address(0xBEEF));\n    vm.expectRevert(Counter.NotOwner.selector);\n    counter.reset();\n}"},
      {"type": "task", "text": "Write a test for decrement() at 0."}]}$$),
  ('first-smart-contract', 5, 'deploying-to-a-testnet', 'Deploying to a testnet',
    'interactive', 50, 30, $${"blocks": [
      {"type": "steps", "steps": ["Get test coins from the faucet.", "Deploy the counter to the test network.", "Verify its source in the explorer.", "Call increment() from your wallet and find the transaction."]}]}$$),

  ('building-on-hedera', 1, 'accounts-and-the-sdk', 'Accounts and the SDK', 'code', 35, 25,
    $${"blocks": [
      {"type": "text", "text": "A client signs with the key of an operator account, which pays the fees. Keep the key out of the source."},
      {"type": "code", "language": "javascript", "code": "import { Client } from \"@hashgraph/sdk\";\n\nconst client = Client.forTestnet();\nclient.setOperator(process.env.ACCOUNT_ID, process.env.PRIVATE_KEY);"},
      {"type": "task", "text": "Read the balance of your account and print it in HBAR."}]}$$),
  ('building-on-hedera', 2, 'tokens-without-a-contract', 'Tokens without a contract', 'code',
    45, 35, $${"blocks": [
      {"type": "text", "text": "The token service makes tokens without Solidity: a name, a symbol, a supply and keys that say who may mint, freeze or wipe. An account must be associated with a token before it can receive it."},
      {"type": "code", "language": "javascript", "code": "const created = await new TokenCreateTransaction()\n  .setTokenName(\"Course Token\")\n  .setTokenSymbol(\"CRS\")\n  .setInitialSupply(1000)\n  .setTreasuryAccountId(treasury)\n  .execute(client);\nconst { tokenId } = await created.getReceipt(client);"},
      {"type": "task", "text": "Transfer 10 of them to a second account."}]}$$),
  ('building-on-hedera', 3, 'an-nft-certificate', 'An NFT as a certificate', 'code', 50, 40,
    $${"blocks": [
      {"type": "text", "text": "An NFT is a token whose pieces have serial numbers. Its metadata is the address of a document; put that where it cannot change."},
      {"type": "task", "text": "Mint an NFT that certifies this lesson, and look it up in HashScan."}]}$$),
  ('building-on-hedera', 4, 'topics-as-a-log', 'Topics as a log', 'code', 40, 30,
    $${"blocks": [
      {"type": "text", "text": "The consensus service gives messages an order and a time that all agree on, for a fraction of a cent. Mirror nodes serve the history."},
      {"type": "code", "language": "javascript", "code": "await new TopicMessageSubmitTransaction({ topicId, message: \"lesson completed\" })\n  .execute(client);"},
      {"type": "task", "text": "Subscribe to the topic and print the consensus time of each message."}]}$$),
  ('building-on-hedera', 5, 'hedera-quiz', 'Quiz: Hedera', 'quiz', 50, 15,
    $${"questions": [
      {"question": "Who pays the fee of a transaction?", "options": ["The operator account of the client", "The receiver", "Nobody"], "answer": 0},
      {"question": "What must an account do before it can receive a token?", "options": ["Own a contract", "Be associated with it", "Hold an NFT"], "answer": 1},
      {"question": "Where do you read past messages of a topic?", "options": ["From a mirror node", "From the faucet", "They are not kept"], "answer": 0}]}$$),

  ('smart-contract-security', 1, 'thinking-like-an-attacker', 'Thinking like an attacker',
    'text', 35, 20, $${"blocks": [
      {"type": "text", "text": "Everything public may be called by anybody, in any order, with any value, from a contract that calls back, with borrowed millions, in one transaction. Write down what must always hold, and try to break it."}]}$$),
  ('smart-contract-security', 2, 'reentrancy', 'Reentrancy', 'code', 60, 40,
    $${"blocks": [
      {"type": "text", "text": "A call to somebody else's contract hands over control. If your books are not up to date by then, the callee may call again. Check, then write, then call."},
      {"type": "code", "language": "solidity", "code": "function withdraw() external {\n    uint256 amount = balances[msg.sender];\n    (bool sent, ) = msg.sender.call{value: amount}(\"\");\n    require(sent);\n    balances[msg.sender] = 0;\n}"},
      {"type": "task", "text": "Write a contract that empties this one, then repair it."}]}$$),
  ('smart-contract-security', 3, 'prices-that-lie', 'Prices that lie', 'code', 60, 40,
    $${"blocks": [
      {"type": "text", "text": "The price in a pool can be moved for the length of one transaction. A contract that lends by it gives away what it holds. Use a price over time, or from several sources, and refuse an old one."},
      {"type": "task", "text": "Show how a loan of 1 million in one block bends the price of the sample pool by 50 %."}]}$$),
  ('smart-contract-security', 4, 'reviewing-a-contract', 'Reviewing a contract',
    'interactive', 60, 45, $${"blocks": [
      {"type": "steps", "steps": ["Read what the contract promises.", "List who may call what.", "Follow the money: where does it come in, where can it leave?", "Run a static analyser and say of each finding why it matters or not.", "Report with a test that fails."]}]}$$),
  ('smart-contract-security', 5, 'security-quiz', 'Quiz: security', 'quiz', 70, 15,
    $${"questions": [
      {"question": "In which order is a withdrawal safe?", "options": ["Call, check, write", "Check, write, call", "Write, call, check"], "answer": 1},
      {"question": "What is wrong with the current price in a pool?", "options": ["It can be moved within one transaction", "It is too exact", "Nothing"], "answer": 0},
      {"question": "Who may call an external function without a modifier?", "options": ["The owner", "Any account or contract", "Members"], "answer": 1}]}$$),

  ('full-stack-dapp', 1, 'designing-the-dapp', 'Designing the dapp', 'text', 40, 25,
    $${"blocks": [
      {"type": "text", "text": "Put on chain what strangers must agree on, and nothing else: it is slow, public and for ever. The rest belongs into a database, with the hash on chain where it must be provable."}]}$$),
  ('full-stack-dapp', 2, 'connecting-a-wallet', 'Connecting a wallet', 'code', 50, 35,
    $${"blocks": [
      {"type": "text", "text": "Ask for accounts when the user wants something, not when the page opens. Show the network, and what a signature will do before the wallet does."},
      {"type": "code", "language": "javascript", "code": "const [account] = await window.ethereum.request({\n  method: \"eth_requestAccounts\",\n});"},
      {"type": "task", "text": "React to a change of account or network without a reload."}]}$$),
  ('full-stack-dapp', 3, 'signing-in-with-a-wallet', 'Signing in with a wallet', 'code', 60, 40,
    $${"blocks": [
      {"type": "text", "text": "The server gives out a number that is used once, the wallet signs a text that contains it, and the server recovers the address from the signature. No password, and nothing to leak."},
      {"type": "task", "text": "Refuse a signature that is used a second time or for another site."}]}$$),
  ('full-stack-dapp', 4, 'following-events', 'Following events', 'code', 60, 40,
    $${"blocks": [
      {"type": "text", "text": "Contracts tell what happened by events. Read them from the last block that you have stored, and be ready to take a few back: the newest blocks may be replaced."},
      {"type": "code", "language": "javascript", "code": "const events = await contract.queryFilter(\"Incremented\", lastBlock + 1, latest - 12);"},
      {"type": "task", "text": "Store events so that reading them twice counts them once."}]}$$),
  ('full-stack-dapp', 5, 'testing-the-whole', 'Testing the whole', 'code', 60, 40,
    $${"blocks": [
      {"type": "text", "text": "Run a chain of your own on your machine, deploy, and drive the page as a user would. Test the refusals: no wallet, the wrong network, a rejected signature, too little for the fee."},
      {"type": "task", "text": "Write the test of a user who rejects the signature and tries again."}]}$$),
  ('full-stack-dapp', 6, 'releasing-the-dapp', 'Releasing it', 'interactive', 80, 45,
    $${"blocks": [
      {"type": "steps", "steps": ["Freeze the contract and have it reviewed.", "Deploy it and verify the source.", "Put the keys of the owner into a wallet of several signers.", "Watch balances and events, and rehearse what you do when something is wrong.", "Publish."]}]}$$)
)
select learn_internal.merge_rows('learn.lessons', '{slug}', jsonb_agg(
  to_jsonb(l) - 'course' || jsonb_build_object('course_id', c.id)
  order by c.position, l.sequence_number)) as lessons
from lessons l
join learn.courses c on c.slug = l.course;
