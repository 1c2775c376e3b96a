using System.Net;
using System.Text;
using Microsoft.AspNetCore.SignalR.Client;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Dashboard;

public sealed class LogStreamTests : IAsyncLifetime
{
    private TestServer server = null!;
    private JobId job;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        await server.AddRepositoryAsync();
        job = new JobId(await server.StartBuildAsync(), 1);
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task A_log_arrives_as_it_is_written_and_ends_with_the_job()
    {
        await using var hub = await server.ConnectAsync();
        var stream = hub.StreamAsync<LogChunk>("Log", job.ToString(), 0, 0L, Stop).GetAsyncEnumerator(Stop);
        var first = stream.MoveNextAsync().AsTask(); // asked for before there is an attempt at all
        var lease = await server.ClaimAsync(job);

        await WriteAsync(lease, 0, "one ");
        Assert.True(await first);
        Assert.Equal((0L, "one "), Read(stream.Current));
        await WriteAsync(lease, 4, "two");
        Assert.True(await stream.MoveNextAsync());
        Assert.Equal((4L, "two"), Read(stream.Current));
        await FinishAsync(lease);

        Assert.False(await stream.MoveNextAsync());
    }

    [Fact]
    public async Task A_broken_connection_goes_on_where_it_broke_with_no_gap_and_nothing_twice()
    {
        var lease = await server.ClaimAsync(job);
        var text = string.Concat(Enumerable.Range(0, 40_000).Select(line => $"line {line}\n"));
        var bytes = Encoding.UTF8.GetBytes(text);
        var writing = Task.Run(
            async () =>
            {
                var random = new Random(4711);
                for (var offset = 0; offset < bytes.Length; )
                {
                    var size = Math.Min(random.Next(1, 7000), bytes.Length - offset);
                    await server
                        .Get<IJobReporter>()
                        .ReportAsync(lease, new OutputWritten(offset, bytes.AsMemory(offset, size)), Stop);
                    offset += size;
                }
                await FinishAsync(lease);
            },
            Stop
        );

        var seen = new MemoryStream();
        var breaks = 0;
        for (var over = false; !over; breaks++)
        {
            await using var hub = await server.ConnectAsync();
            using var here = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            over = true;
            var chunks = 0;
            await foreach (var chunk in hub.StreamAsync<LogChunk>("Log", job.ToString(), 1, seen.Length, here.Token))
            {
                Assert.Equal(seen.Length, chunk.Offset);
                seen.Write(chunk.Bytes);
                if (++chunks < 3)
                    continue;
                over = false; // the line is cut in the middle of the stream
                break;
            }
        }
        await writing;

        Assert.Equal(text, Encoding.UTF8.GetString(seen.ToArray()));
        Assert.True(breaks > 2, $"only {breaks} connections");
    }

    [Fact]
    public async Task Plain_http_gives_what_is_there_or_follows_to_the_end()
    {
        var lease = await server.ClaimAsync(job);
        await WriteAsync(lease, 0, "one <b>two</b>\n");

        using var now = await server.Stranger.GetAsync($"/api/v1/jobs/{job}/log", Stop);
        Assert.Equal("text/plain; charset=utf-8", now.Content.Headers.ContentType?.ToString());
        Assert.Equal("one <b>two</b>\n", await now.Content.ReadAsStringAsync(Stop));
        using var rest = await server.Stranger.GetAsync($"/api/v1/jobs/{job}/log?attempt=1&from=4", Stop);
        Assert.Equal("<b>two</b>\n", await rest.Content.ReadAsStringAsync(Stop));

        using var follow = await server.Stranger.GetAsync(
            $"/api/v1/jobs/{job}/log?follow=true",
            HttpCompletionOption.ResponseHeadersRead,
            Stop
        );
        var reading = follow.Content.ReadAsStringAsync(Stop);
        await WriteAsync(lease, 15, "three\n");
        await FinishAsync(lease);
        Assert.Equal("one <b>two</b>\nthree\n", await reading);
    }

    [Theory]
    [InlineData("/api/v1/jobs/99.1/log", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/jobs/1.1/log?attempt=-1", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/jobs/1.1/log?from=-1", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/jobs/..%2f..%2fetc/log", HttpStatusCode.BadRequest)]
    [InlineData("/api/v1/jobs/1.1/log?from=999999", HttpStatusCode.OK)]
    public async Task A_log_that_is_not_there_is_not_made_up(string path, HttpStatusCode expected)
    {
        using var answer = await server.Stranger.GetAsync(path, Stop);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_log_that_was_removed_to_make_room_says_so()
    {
        var lease = await server.ClaimAsync(job);
        await WriteAsync(lease, 0, "one");
        await FinishAsync(lease);
        server.Get<LogFiles>().Delete(job.Build);
        await server.Get<RetentionStore>().LogsGoneAsync(job.Build, Stop);

        using var answer = await server.Stranger.GetAsync($"/api/v1/jobs/{job}/log", Stop);

        Assert.Equal(HttpStatusCode.Gone, answer.StatusCode);
    }

    [Fact]
    public async Task A_viewer_who_does_not_read_holds_up_nobody()
    {
        var lease = await server.ClaimAsync(job);
        await using var hub = await server.ConnectAsync();
        await using var slow = hub.StreamAsync<LogChunk>("Log", job.ToString(), 0, 0L, Stop).GetAsyncEnumerator(Stop);
        var block = new byte[1 << 20];

        for (var i = 0; i < 32; i++) // more than every buffer on the way
        {
            var written = new OutputWritten((long)i << 20, block);
            Assert.Equal(JobWish.CarryOn, await server.Get<IJobReporter>().ReportAsync(lease, written, Stop));
        }
        await FinishAsync(lease);

        var seen = 0L;
        while (await slow.MoveNextAsync())
        {
            Assert.Equal(seen, slow.Current.Offset);
            Assert.InRange(slow.Current.Bytes.Length, 1, LogFiles.ChunkBytes);
            seen += slow.Current.Bytes.Length;
        }
        Assert.Equal(32L << 20, seen);
    }

    private Task<JobWish> WriteAsync(JobLease lease, long offset, string text) =>
        server.Get<IJobReporter>().ReportAsync(lease, new OutputWritten(offset, Some.Bytes(text)), Stop).AsTask();

    private Task<JobWish> FinishAsync(JobLease lease) =>
        server.Get<IJobReporter>().ReportAsync(lease, new JobFinished(Some.Passed), Stop).AsTask();

    private static (long, string) Read(LogChunk chunk) => (chunk.Offset, Encoding.UTF8.GetString(chunk.Bytes));
}
