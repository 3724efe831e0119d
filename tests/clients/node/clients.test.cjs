"use strict";
// The official clients of npm against the server at POINTSMAN_URL, whose models are `gpt` and `claude`.

const assert = require("node:assert/strict");
const test = require("node:test");
const OpenAI = require("openai").default;
const Anthropic = require("@anthropic-ai/sdk").default;

const url = process.env.POINTSMAN_URL;
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: "unused", maxRetries: 0 });

const user = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { where: { type: "string" } } };
const here = '{"where": "here"}';
const png = "data:image/png;base64,iVBORw0KGgo=";
const schema = {
  type: "object",
  properties: { echo: { type: "string" } },
  required: ["echo"],
  additionalProperties: false,
};

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function given_up(model) {
  const response = await fetch(`${process.env[model === "gpt" ? "FAKE_OPENAI_URL" : "FAKE_ANTHROPIC_URL"]}/seen`);
  return (await response.json()).given_up;
}

for (const model of ["gpt", "claude"]) {
  test(`openai chats with ${model}`, async () => {
    const completion = await openai.chat.completions.create({ model, messages: user("hello there") });
    assert.equal(completion.choices[0].message.content, "echo: hello there");
    assert.equal(completion.usage.total_tokens, 3);
    const chunks = await all(await openai.chat.completions.create({ model, messages: user("hello there"), stream: true }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "echo: hello there");
    assert.equal(chunks.findLast((chunk) => chunk.choices.length).choices[0].finish_reason, "stop");
  });

  test(`openai gets calls of tools from ${model}`, async () => {
    const tools = [{ type: "function", function: { name: "look", parameters } }];
    const plain = await openai.chat.completions.create({ model, messages: user("look"), tools });
    const stream = openai.chat.completions.stream({ model, messages: user("look"), tools });
    for (const completion of [plain, await stream.finalChatCompletion()]) {
      const calls = completion.choices[0].message.tool_calls;
      assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)), [JSON.parse(here), JSON.parse(here)]);
      assert.equal(new Set(calls.map((call) => call.id)).size, 2);
      assert.equal(completion.choices[0].finish_reason, "tool_calls");
    }
  });

  test(`openai gets structured output and sends images to ${model}`, async () => {
    const response_format = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
    const completion = await openai.chat.completions.parse({ model, messages: user("hi"), response_format });
    assert.equal(completion.choices[0].message.content, '{"echo": "hi"}');
    const content = [{ type: "text", text: "what" }, { type: "image_url", image_url: { url: png } }];
    const seen = await openai.chat.completions.create({ model, messages: user(content) });
    assert.equal(seen.choices[0].message.content.trim(), "echo: what");
  });

  test(`openai gets responses from ${model}`, async () => {
    const response = await openai.responses.create({ model, input: "hello there" });
    assert.equal(response.output_text, "echo: hello there");
    assert.equal(response.status, "completed");
    const stream = openai.responses.stream({ model, input: "hello there" });
    const events = await all(stream);
    assert.equal(events.at(-1).type, "response.completed");
    const final = await stream.finalResponse();
    assert.equal(final.output_text, "echo: hello there");
    const tools = [{ type: "function", name: "look", parameters, strict: false }];
    const asked = await openai.responses.create({ model, input: "look", tools });
    const calls = asked.output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), [JSON.parse(here), JSON.parse(here)]);
  });

  test(`anthropic gets messages from ${model}`, async () => {
    const ask = { model, max_tokens: 100 };
    const message = await anthropic.messages.create({ ...ask, messages: user("hello there") });
    assert.equal(message.content.at(-1).text, "echo: hello there");
    assert.equal(message.stop_reason, "end_turn");
    const stream = anthropic.messages.stream({ ...ask, messages: user("hello there") });
    assert.equal((await stream.finalMessage()).content.at(-1).text, "echo: hello there");
    const tools = [{ name: "look", input_schema: parameters }];
    const asked = await anthropic.messages.create({ ...ask, messages: user("look"), tools });
    const calls = asked.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map((call) => call.input), [JSON.parse(here), JSON.parse(here)]);
    assert.equal(asked.stop_reason, "tool_use");
  });

  test(`errors of ${model} have their class`, async () => {
    for (const [text, openais, anthropics] of [
      ["fail", OpenAI.InternalServerError, Anthropic.InternalServerError],
      ["busy", OpenAI.RateLimitError, Anthropic.RateLimitError],
      ["reset", OpenAI.InternalServerError, Anthropic.InternalServerError],
    ]) {
      await assert.rejects(openai.chat.completions.create({ model, messages: user(text) }), openais, text);
      await assert.rejects(openai.responses.create({ model, input: text }), openais, text);
      await assert.rejects(anthropic.messages.create({ model, max_tokens: 5, messages: user(text) }), anthropics, text);
    }
    const cut = async () => all(await anthropic.messages.create({ model, max_tokens: 5, messages: user("cut"), stream: true }));
    await assert.rejects(cut);
  });

  test(`who goes away ends the call of ${model}`, async () => {
    const calls = [
      () => openai.chat.completions.create({ model, messages: user("hang"), stream: true }),
      () => openai.responses.create({ model, input: "hang", stream: true }),
      () => anthropic.messages.create({ model, max_tokens: 5, messages: user("hang"), stream: true }),
    ];
    for (const call of calls) {
      const before = await given_up(model);
      const stream = await call();
      for await (const _ of stream) break;
      stream.controller.abort();
      const end = Date.now() + 20_000;
      while ((await given_up(model)) === before) assert.ok(Date.now() < end, "the provider goes on");
    }
  });
}

test("models are listed for both", async () => {
  const ids = (await all(openai.models.list())).map((model) => model.id);
  assert.deepEqual(ids, ["auto", "claude", "gpt", "native"]);
  assert.deepEqual((await all(anthropic.models.list())).map((model) => model.id), ids);
  await assert.rejects(openai.models.retrieve("none"), OpenAI.NotFoundError);
  await assert.rejects(anthropic.models.retrieve("none"), Anthropic.NotFoundError);
});

test("tokens are counted, texts completed and vectors passed on", async () => {
  const count = await anthropic.messages.countTokens({ model: "gpt", messages: user("hello there") });
  assert.ok(count.input_tokens > 0);
  const completion = await openai.completions.create({ model: "claude", prompt: "Once" });
  assert.equal(completion.choices[0].text, "echo: Once");
  const vectors = await openai.embeddings.create({ model: "gpt", input: ["a"], encoding_format: "float" });
  assert.deepEqual(vectors.data[0].embedding, [0.5, 0]);
});
