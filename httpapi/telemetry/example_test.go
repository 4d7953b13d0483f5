package telemetry_test

import (
	"context"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/telemetry"
	"github.com/cointill/cointill/invoice"
)

// The host provides the provider, with an exporter of its choice. Here it is a reader that is read manually.
func ExampleNewMeter() {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	meter, err := telemetry.NewMeter(provider.Meter("cointill"))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	meter.Count(ctx, httpapi.MeterRequests, 2, invoice.Label{Key: "operation", Value: "createInvoice"}) // as an API does

	var read metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &read); err != nil {
		log.Fatal(err)
	}
	for _, m := range read.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
			operation, _ := sum.DataPoints[0].Attributes.Value("operation")
			fmt.Println(m.Name, operation.AsString(), sum.DataPoints[0].Value)
		}
	}
	// Output: cointill.http.requests createInvoice 2
}
