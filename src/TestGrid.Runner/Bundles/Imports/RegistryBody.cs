namespace TestGrid.Runner.Bundles.Imports;

/// <summary>Reads what a registry sends, with an end to its length and to its silence.</summary>
internal static class RegistryBody
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    /// <param name="answer">Its headers were read.</param>
    /// <param name="to">Where it is written.</param>
    /// <param name="most">Bytes that it may have.</param>
    /// <param name="time">For patience.</param>
    /// <param name="progress">Hears the bytes so far; or null.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="BundleException">It is longer.</exception>
    /// <exception cref="IOException">It broke off, or nothing came for 30 s.</exception>
    public static async Task CopyAsync(
        HttpResponseMessage answer,
        Stream to,
        long most,
        TimeProvider time,
        Action<long>? progress,
        CancellationToken stop
    )
    {
        await using var from = await answer.Content.ReadAsStreamAsync(stop);
        var room = new byte[1 << 17];
        for (var sum = 0L; ; )
        {
            using var limit = new CancellationTokenSource(Silence, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
            int read;
            try
            {
                read = await from.ReadAsync(room, both.Token);
            }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
            {
                throw new IOException($"nothing came for {Silence.TotalSeconds:0} s", e);
            }
            if (read == 0)
                return;
            sum += read;
            if (sum > most)
                throw new BundleException(
                    $"{answer.RequestMessage?.RequestUri?.Authority} sends more than the {most} bytes that it may: it is refused."
                );
            await to.WriteAsync(room.AsMemory(0, read), stop);
            progress?.Invoke(sum);
        }
    }
}
